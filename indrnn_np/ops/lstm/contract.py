"""Argument checks shared by the twins of lstm, and its entries in the catalogue."""

from __future__ import annotations

from ... import _check
from ..catalogue import Entry
from ..rnn.contract import ENDS, draw_cell


def check_forward(where, x, W, U, b, h0, c0, lengths, reverse):
    """Check the arguments of forward."""
    _check.arrays(where, "x: T B D, U: 4H H, W: 4H D, b: 4H, h0: B H, c0: B H", x, U, W, b, h0, c0)
    _check.boolean(where, "reverse", reverse)
    _check.lengths(where, lengths, *x.shape[:2])


def check_backward(where, dh, x, h, c, gates, W, U, dhT, dcT, lengths, reverse):
    """Check the arguments of backward."""
    table = (
        "x: T B D, U: 4H H, W: 4H D, h: T+1 B H, c: T+1 B H, gates: T B 4H, dh?: T B H, dhT?: B H, dcT?: B H"
    )
    _check.arrays(where, table, x, U, W, h, c, gates, dh, dhT, dcT)
    _check.boolean(where, "reverse", reverse)
    _check.lengths(where, lengths, *x.shape[:2])


def check_tangent(where, x_dot, x, h, c, gates, W, U, W_dot, U_dot, b_dot, h0_dot, c0_dot, lengths, reverse):
    """Check the arguments of tangent."""
    check_backward(where, None, x, h, c, gates, W, U, None, None, lengths, reverse)
    directions = "x_dot: T B D, U_dot: 4H H, W_dot: 4H D, b_dot: 4H, h0_dot: B H, c0_dot: B H"
    _check.arrays(where, f"x: T B D, U: 4H H, {directions}", x, U, x_dot, U_dot, W_dot, b_dot, h0_dot, c0_dot)


def draw(d, lengths=False, reverse=False):
    """Draw arguments of forward."""
    return draw_cell(d, 4, "b", "hc", lengths, reverse)


FORWARD = Entry("forward", draw, ENDS, results=("h", "c", "gates"))
BACKWARD = Entry(
    "backward", forward=FORWARD, gradients=("x", "W", "U", "b", "h0", "c0"), cotangents=("dh", "dhT", "dcT")
)
TANGENT = Entry("tangent", forward=FORWARD, directions=BACKWARD.gradients, tangents=("h", "c"))
CATALOGUE = (FORWARD, BACKWARD)
