"""Argument checks shared by the twins of embedding, and its entries in the catalogue."""

from __future__ import annotations

import numpy as np

from ... import _check
from ..catalogue import BOTH, Entry


def check_forward(where, ids, E, factors, out):
    """Check the arguments of forward."""
    check_arrays(where, ids, E, factors, out)
    _check.symbols(where, "ids", ids, len(E))


def check_backward(where, dy, ids, symbols, factors):
    """Check the arguments of backward."""
    check_gradient(where, dy, ids, symbols, factors)
    _check.symbols(where, "ids", ids, symbols)


def check_arrays(where, ids, E, factors, out):
    """Check the arguments of forward except the values of ids, which the GPU checks."""
    _check.arrays(where, "ids: int T B, E: V H, factors?: V, out?: written T B H", ids, E, factors, out)


def check_gradient(where, dy, ids, symbols, factors):
    """Check the arguments of backward except the values of ids, which the GPU checks."""
    _check.at_least(where, "symbols", symbols, 1)
    _check.arrays(where, "ids: int T B, dy: T B H, factors?: symbols", ids, dy, factors, symbols=symbols)


def draw(d, factors=False):
    """Draw arguments of forward: symbol 0 is frequent, the last of several symbols is absent."""
    ids = np.where(d.mask(d.T, d.B), 0, d.rng.integers(0, max(1, d.K - 1), (d.T, d.B)))
    factors = d.real(d.K) if factors else None
    return {"ids": ids, "E": d.real(d.K, d.H), "factors": factors}


FORWARD = Entry("forward", draw, {"factors": BOTH}, results=("y",))
BACKWARD = Entry("backward", forward=FORWARD, gradients=("E",), cotangents=("dy",))
TANGENT = Entry("tangent", forward=FORWARD, directions=("E",), tangents=("y",))
CATALOGUE = (FORWARD, BACKWARD)
