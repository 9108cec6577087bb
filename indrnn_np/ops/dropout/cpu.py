"""Compiled twin of reference.py: one multiplication a step, by a mask of one row."""

from __future__ import annotations

import numpy as np

from ... import _check
from ..._numba import njit
from ..._threads import over
from ..random import cpu as random
from . import reference


def forward(x, rate, key, out=None):
    """Twin of reference.forward."""
    return _apply("dropout.forward", x, rate, key, out)


def backward(dy, rate, key, out=None):
    """Twin of reference.backward."""
    return _apply("dropout.backward", dy, rate, key, out)


def _apply(where, x, rate, key, out):
    reference.check(where, x, rate, out)
    _check.floats(where, x=x)
    y = np.empty_like(x) if out is None else out
    columns = x.shape[-2] * x.shape[-1]
    bits = random.bits(key, columns)
    mask = np.where(
        bits >= np.uint32(reference.threshold(rate)), x.dtype.type(1 / (1 - rate)), x.dtype.type(0)
    )
    rows, out_rows = x.reshape(-1, columns), y.reshape(-1, columns)
    over(columns, x.size, lambda j0, j1: _multiply(rows, mask, out_rows, j0, j1))
    return y


@njit
def _multiply(x, mask, y, j0, j1):
    """y = mask x in columns j0 to j1."""
    m = mask[j0:j1]
    for t in range(x.shape[0]):
        x_t, y_t = x[t, j0:j1], y[t, j0:j1]
        for j in range(len(x_t)):
            y_t[j] = x_t[j] * m[j]
