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
CATALOGUE = (FORWARD, BACKWARD)
