"""One step of the recurrence as scalars: φ and φ' by their code, shared by the loops of every compiled twin.

A new activation is a number here, a branch in `phi` and in `dphi`, and a pair of lambdas in reference.py.
The code reaches these functions as a constant of the enclosing kernel, so the branches vanish when the
kernel is compiled. `zero` and `one` have the dtype of the arrays: a literal 0.0 would widen float32
arithmetic to float64.
"""

from __future__ import annotations

from ..._numba import AS_WRITTEN, njit
from .elementary import sigmoid, tanh

RELU, TANH, SIGMOID, IDENTITY = range(4)
CODES = {"relu": RELU, "tanh": TANH, "sigmoid": SIGMOID, "identity": IDENTITY}


@njit(rounding=AS_WRITTEN)
def phi(code, a, zero):
    """φ(a); relu is written so that NaN stays NaN."""
    if code == RELU:
        return zero if a < zero else a
    if code == TANH:
        return tanh(a)
    if code == SIGMOID:
        return sigmoid(a)
    return a


@njit(rounding=AS_WRITTEN)
def dphi(code, h, zero, one):
    """φ' from the output h = φ(a)."""
    if code == RELU:
        return one if h > zero else zero
    if code == TANH:
        return one - h * h
    if code == SIGMOID:
        return h * (one - h)
    return one
