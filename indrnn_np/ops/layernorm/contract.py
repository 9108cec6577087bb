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


def draw(d, eps=1e-5):
    """Draw arguments of forward."""
    x = 2.0 + 3.0 * d.real(d.T, d.B, d.H)
    return {"x": x, "scale": d.real(d.H), "shift": d.real(d.H), "eps": eps}


FORWARD = Entry("forward", draw, results=("y", "mean", "rstd"))
BACKWARD = Entry("backward", forward=FORWARD, gradients=("x", "scale", "shift"), cotangents=("dy",))
CATALOGUE = (FORWARD, BACKWARD)
