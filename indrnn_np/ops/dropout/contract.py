"""Argument checks shared by the twins of dropout, and its entries in the catalogue."""

from __future__ import annotations

from ... import _check
from ..catalogue import Entry


def check(where, x, rate, out, name="x"):
    """Check the arguments of forward or backward; return the rate as a Python number."""
    _check.arrays(where, f"{name}: T? B H, out?: written T? B H", x, out)
    return _check.between(where, "rate", rate, 0.0, 1.0)


def check_mask(where, rate, dtype):
    """Check the arguments of mask; return the rate as a Python number, and the dtype."""
    return _check.between(where, "rate", rate, 0.0, 1.0), _check.dtype(where, dtype, _check.FLOATS)


def draw(d, rate=0.3):
    """Draw arguments of forward."""
    return {"key": d.key(), "x": d.real(d.T, d.B, d.H), "rate": rate}


def draw_mask(d, rate=0.3):
    """Draw arguments of mask."""
    return {"shape": (d.B, d.H), "rate": rate, "key": d.key(), "dtype": d.dtype}


RATES = {"rate": (0.0, 0.3)}
FORWARD = Entry("forward", draw, RATES, results=("y",))
BACKWARD = Entry("backward", forward=FORWARD, gradients=("x",), cotangents=("dy",))
TANGENT = Entry("tangent", forward=FORWARD, directions=("x",), tangents=("y",))
CATALOGUE = (FORWARD, BACKWARD, Entry("mask", draw_mask, RATES, exact=True))
