"""Argument checks shared by the twins of gru, and its entries in the catalogue."""

from __future__ import annotations

from ... import _check
from ..catalogue import Entry
from ..rnn.contract import ENDS, draw_cell


def check_forward(where, x, W, U, b, c, h0, lengths, reverse):
    """Check the arguments of forward."""
    _check.arrays(where, "x: T B D, U: 3H H, W: 3H D, b: 3H, c: 3H, h0: B H", x, U, W, b, c, h0)
    _check.boolean(where, "reverse", reverse)
    _check.lengths(where, lengths, *x.shape[:2])


def check_backward(where, dh, x, h, gates, W, U, dhT, lengths, reverse):
    """Check the arguments of backward."""
    table = "x: T B D, U: 3H H, W: 3H D, h: T+1 B H, gates: T B 4H, dh?: T B H, dhT?: B H"
    _check.arrays(where, table, x, U, W, h, gates, dh, dhT)
    _check.boolean(where, "reverse", reverse)
    _check.lengths(where, lengths, *x.shape[:2])


def check_tangent(where, x_dot, x, h, gates, W, U, W_dot, U_dot, b_dot, c_dot, h0_dot, lengths, reverse):
    """Check the arguments of tangent."""
    check_backward(where, None, x, h, gates, W, U, None, lengths, reverse)
    directions = "x_dot: T B D, U_dot: 3H H, W_dot: 3H D, b_dot: 3H, c_dot: 3H, h0_dot: B H"
    _check.arrays(where, f"x: T B D, U: 3H H, {directions}", x, U, x_dot, U_dot, W_dot, b_dot, c_dot, h0_dot)


def draw(d, lengths=False, reverse=False):
    """Draw arguments of forward."""
    return draw_cell(d, 3, "bc", "h", lengths, reverse)


FORWARD = Entry("forward", draw, ENDS, results=("h", "gates"))
BACKWARD = Entry(
    "backward", forward=FORWARD, gradients=("x", "W", "U", "b", "c", "h0"), cotangents=("dh", "dhT")
)
TANGENT = Entry("tangent", forward=FORWARD, directions=BACKWARD.gradients, tangents=("h",))
CATALOGUE = (FORWARD, BACKWARD)
