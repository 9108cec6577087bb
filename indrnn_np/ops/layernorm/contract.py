"""Argument checks shared by the twins of layernorm, and its entries in the catalogue."""

from __future__ import annotations

from ... import _check
from ..catalogue import Entry


def check_forward(where, x, scale, shift, eps, out):
    """Check the arguments of forward."""
    _check.arrays(where, "x: T? B H, scale: H, shift: H, out?: written T? B H", x, scale, shift, out)
    _check.normal(where, "eps", eps, x.dtype)
    _check.at_least(where, "the number of units H", x.shape[-1], 1)


def check_backward(where, dy, x, mean, rstd, scale, out):
    """Check the arguments of backward."""
    table = "x: T? B H, scale: H, dy: T? B H, mean: T? B, rstd: T? B, out?: written T? B H"
    _check.arrays(where, table, x, scale, dy, mean, rstd, out)
    _check.at_least(where, "the number of units H", x.shape[-1], 1)


def check_tangent(where, x_dot, x, mean, rstd, scale, scale_dot, shift_dot):
    """Check the arguments of tangent."""
    table = "x: T? B H, x_dot: T? B H, mean: T? B, rstd: T? B, scale: H, scale_dot: H, shift_dot: H"
    _check.arrays(where, table, x, x_dot, mean, rstd, scale, scale_dot, shift_dot)
    _check.at_least(where, "the number of units H", x.shape[-1], 1)


def check_backward_tangent(where, dy, dy_dot, x, x_dot, mean, rstd, scale, scale_dot):
    """Check the arguments of backward_tangent."""
    check_backward(where, dy, x, mean, rstd, scale, None)
    _check.arrays(where, "x: T? B H, scale: H, dy_dot: T? B H, x_dot: T? B H, scale_dot: H",
                  x, scale, dy_dot, x_dot, scale_dot)  # fmt: skip


def draw(d, eps=1e-5):
    """Draw arguments of forward."""
    x = 2.0 + 3.0 * d.real(d.T, d.B, d.H)
    return {"x": x, "scale": d.real(d.H), "shift": d.real(d.H), "eps": eps}


FORWARD = Entry("forward", draw, results=("y", "mean", "rstd"))
BACKWARD = Entry("backward", forward=FORWARD, gradients=("x", "scale", "shift"), cotangents=("dy",))
TANGENT = Entry("tangent", forward=FORWARD, directions=BACKWARD.gradients, tangents=("y",))
CATALOGUE = (FORWARD, BACKWARD)
