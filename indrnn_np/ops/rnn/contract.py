"""Argument checks shared by the twins of rnn, and its entries in the catalogue."""

from __future__ import annotations

from ... import _check
from ..catalogue import BOTH, Entry
from ..recurrence.activation import ACTIVATIONS


def check_forward(where, x, W, U, b, h0, activation, lengths, reverse):
    """Check the arguments of forward."""
    _check.choice(where, "activation", activation, ACTIVATIONS)
    _check.arrays(where, "x: T B D, U: H H, W: H D, b: H, h0: B H", x, U, W, b, h0)
    _check.boolean(where, "reverse", reverse)
    _check.lengths(where, lengths, *x.shape[:2])


def check_backward(where, dh, x, h, W, U, dhT, activation, lengths, reverse):
    """Check the arguments of backward."""
    _check.choice(where, "activation", activation, ACTIVATIONS)
    _check.arrays(where, "x: T B D, U: H H, W: H D, h: T+1 B H, dh?: T B H, dhT?: B H", x, U, W, h, dh, dhT)
    _check.boolean(where, "reverse", reverse)
    _check.lengths(where, lengths, *x.shape[:2])


def check_tangent(where, x_dot, x, h, W, U, W_dot, U_dot, b_dot, h0_dot, activation, lengths, reverse):
    """Check the arguments of tangent."""
    check_backward(where, None, x, h, W, U, None, activation, lengths, reverse)
    directions = "x_dot: T B D, U_dot: H H, W_dot: H D, b_dot: H, h0_dot: B H"
    _check.arrays(where, f"x: T B D, U: H H, {directions}", x, U, x_dot, U_dot, W_dot, b_dot, h0_dot)


def check_directions(where, x, U, dh_dot, x_dot, h_dot, W_dot, U_dot, dhT_dot):
    """Check the directions and derivatives of backward_tangent."""
    table = "x: T B D, U: H H, x_dot: T B D, h_dot: T+1 B H, W_dot: H D, U_dot: H H, dh_dot?: T B H, dhT_dot?: B H"
    _check.arrays(where, table, x, U, x_dot, h_dot, W_dot, U_dot, dh_dot, dhT_dot)


def draw(d, activation="tanh", lengths=False, reverse=False):
    """Draw arguments of forward."""
    return draw_cell(d, 1, "b", "h", lengths, reverse) | {"activation": activation}


def draw_cell(d, gates, biases, states, lengths, reverse):
    """Draw x, W, U, biases and initial states; U is scaled so that gradients do not explode."""
    arrays = {
        "x": d.real(d.T, d.B, d.D),
        "W": d.real(gates * d.H, d.D) / d.D**0.5,
        "U": d.real(gates * d.H, d.H) / d.H**0.5,
    }
    arrays |= {name: 0.1 * d.real(gates * d.H) for name in biases}
    arrays |= {f"{name}0": d.real(d.B, d.H) for name in states}
    return arrays | {"lengths": d.lengths() if lengths else None, "reverse": reverse}


ENDS = {"lengths": BOTH, "reverse": BOTH}
FORWARD = Entry(
    "forward", draw, {"activation": tuple(ACTIVATIONS), **ENDS}, rows="activation", results=("h",)
)
BACKWARD = Entry("backward", forward=FORWARD, gradients=("x", "W", "U", "b", "h0"), cotangents=("dh", "dhT"))
TANGENT = Entry("tangent", forward=FORWARD, directions=BACKWARD.gradients, tangents=("h",))
CATALOGUE = (FORWARD, BACKWARD)
