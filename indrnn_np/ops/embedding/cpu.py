"""Compiled twin of reference.py: threads share the columns, so each row's sum is taken by one of them, in order."""

from __future__ import annotations

import numpy as np

from ... import _arrays, _check
from ..._numba import njit
from ..._threads import over
from . import reference


def forward(ids, E, factors=None, out=None):
    """Twin of reference.forward."""
    reference.check_forward("embedding.forward", ids, E, factors, out)
    _check.symbols("embedding.forward", "ids", ids, len(E))
    _check.floats("embedding.forward", E=E)
    y = _arrays.empty((*ids.shape, E.shape[1]), E.dtype) if out is None else out
    places, rows = ids.reshape(-1), y.reshape(-1, E.shape[1])
    scale = np.ones(len(E), E.dtype) if factors is None else factors
    over(len(rows), y.size, lambda i, j: _take(places, E, scale, rows, i, j))
    return y


def backward(dy, ids, symbols, factors=None):
    """Twin of reference.backward."""
    reference.check_backward("embedding.backward", dy, ids, symbols, factors)
    _check.symbols("embedding.backward", "ids", ids, symbols)
    _check.floats("embedding.backward", dy=dy)
    H = dy.shape[2]
    dE = _arrays.empty((symbols, H), dy.dtype)
    places, rows = ids.reshape(-1).astype(np.int64), dy.reshape(-1, H)
    order = np.argsort(places, kind="stable")  # the places of a symbol side by side, first to last
    ends = np.cumsum(np.bincount(places, minlength=symbols))
    scale = np.ones(symbols, dy.dtype) if factors is None else factors
    over(H, dy.size + dE.size, lambda j0, j1: _sum(order, ends, rows, scale, dE, j0, j1))
    return dE


@njit
def _take(places, E, scale, y, i, j):
    """Rows i to j of y."""
    for r in range(i, j):
        v = places[r]
        for k in range(E.shape[1]):
            y[r, k] = scale[v] * E[v, k]


@njit
def _sum(order, ends, dy, scale, dE, j0, j1):
    """Columns j0 to j1 of dE."""
    total, start = np.zeros(j1 - j0), 0
    for v in range(len(ends)):
        total[:] = 0.0
        for p in range(start, ends[v]):
            r = order[p]
            for k in range(j1 - j0):
                total[k] += dy[r, j0 + k]
        start = ends[v]
        for k in range(j1 - j0):
            dE[v, j0 + k] = scale[v] * total[k]
