"""Argument checks shared by the twins of indrnn, and its entries in the catalogue."""

from __future__ import annotations

from ... import _check
from ..catalogue import BOTH, Entry
from ..recurrence.activation import ACTIVATIONS

NORM = ", norm.mean?: D, norm.factor?: D, norm.shift?: D, norm.mask?: B D"
NO_NORM = (None, None, None, None)


def check_forward(where, x, W, u, b, h0, activation, lengths, reverse, norm=None):
    """Check the arguments of forward."""
    _check.choice(where, "activation", activation, ACTIVATIONS)
    _check.arrays(where, "x: T B D, W: H D, u: H, b: H, h0: B H" + NORM, x, W, u, b, h0, *(norm or NO_NORM))
    _check.boolean(where, "reverse", reverse)
    _check.lengths(where, lengths, *x.shape[:2])


def check_backward(where, dh, x, h, W, u, dhT, activation, lengths, reverse, norm=None, input_gradient=True):
    """Check the arguments of backward."""
    _check.choice(where, "activation", activation, ACTIVATIONS)
    table = "x: T B D, h: T+1 B H, W: H D, u: H, dh?: T B H, dhT?: B H" + NORM
    _check.arrays(where, table, x, h, W, u, dh, dhT, *(norm or NO_NORM))
    _check.boolean(where, "reverse", reverse)
    _check.boolean(where, "input_gradient", input_gradient)
    _check.lengths(where, lengths, *x.shape[:2])


def check_tangent(where, x_dot, x, h, W, u, W_dot, u_dot, b_dot, h0_dot, activation, lengths, reverse):
    """Check the arguments of tangent."""
    _check.choice(where, "activation", activation, ACTIVATIONS)
    table = "x: T B D, h: T+1 B H, W: H D, u: H, x_dot: T B D, W_dot: H D, u_dot: H, b_dot: H, h0_dot: B H"
    _check.arrays(where, table, x, h, W, u, x_dot, W_dot, u_dot, b_dot, h0_dot)
    _check.boolean(where, "reverse", reverse)
    _check.lengths(where, lengths, *x.shape[:2])


def check_backward_tangent(where, x, x_dot, h, W, W_dot):
    """Check the arguments of backward_tangent that the recurrence does not check."""
    _check.arrays(where, "x: T B D, h: T+1 B H, W: H D, x_dot: T B D, W_dot: H D", x, h, W, x_dot, W_dot)


def draw(d, activation="relu", lengths=False, reverse=False):
    """Draw arguments of forward."""
    arrays = {
        "x": d.real(d.T, d.B, d.D),
        "W": d.real(d.H, d.D) / d.D**0.5,
        "u": d.recurrent_weight(),
        "b": 0.1 * d.real(d.H),
        "h0": d.real(d.B, d.H),
    }
    ends = {"lengths": d.lengths() if lengths else None, "reverse": reverse}
    return arrays | ends | {"activation": activation}


FORWARD = Entry(
    "forward", draw, {"activation": tuple(ACTIVATIONS), "lengths": BOTH, "reverse": BOTH},
    rows="activation", results=("h",),
    leaves_out=dict.fromkeys(("plain_cpu", "plain_cuda"), ("lengths", "reverse", "work", "norm")),
)  # fmt: skip
BACKWARD = Entry(
    "backward", forward=FORWARD, gradients=("x", "W", "u", "b", "h0"), cotangents=("dh", "dhT"),
    leaves_out=dict.fromkeys(("plain_cpu", "plain_cuda"), ("lengths", "reverse", "work", "probe", "norm")),
)  # fmt: skip
TANGENT = Entry("tangent", forward=FORWARD, directions=BACKWARD.gradients, tangents=("h",))
CATALOGUE = (FORWARD, BACKWARD)
