"""Compiled twin of reference.py: threads share the columns, so each sum has a fixed order."""

from __future__ import annotations

import numpy as np

from ... import _check
from ..._cpu import arrays
from ..._cpu.jit import njit
from ..._cpu.threads import parallel_for
from . import contract


def forward(ids, E, factors=None, out=None):
    """Twin of reference.forward."""
    contract.check_forward("embedding.forward", ids, E, factors, out)
    _check.floats("embedding.forward", E=E)
    y = arrays.empty((*ids.shape, E.shape[1]), E.dtype) if out is None else out
    flat_ids, rows = ids.reshape(-1), arrays.as_rows(y)
    scale = np.ones(len(E), E.dtype) if factors is None else factors
    parallel_for(len(rows), y.size, lambda i, j: _look_up(flat_ids, E, scale, rows, i, j))
    return y


def backward(dy, ids, symbols, factors=None):
    """Twin of reference.backward."""
    contract.check_backward("embedding.backward", dy, ids, symbols, factors)
    _check.floats("embedding.backward", dy=dy)
    H = dy.shape[2]
    dE = arrays.empty((symbols, H), dy.dtype)
    flat_ids, rows = ids.reshape(-1).astype(np.int64), arrays.as_rows(dy)
    order = np.argsort(flat_ids, kind="stable")  # positions of a symbol are contiguous and in order
    ends = np.cumsum(np.bincount(flat_ids, minlength=symbols))
    scale = np.ones(symbols, dy.dtype) if factors is None else factors
    parallel_for(H, dy.size + dE.size, lambda j0, j1: _sum(order, ends, rows, scale, dE, j0, j1))
    return dE


@njit
def _look_up(ids, E, scale, y, i, j):
    """Fill rows i to j of y."""
    for r in range(i, j):
        symbol = ids[r]
        for k in range(E.shape[1]):
            y[r, k] = scale[symbol] * E[symbol, k]


@njit
def _sum(order, ends, dy, scale, dE, j0, j1):
    """Fill columns j0 to j1 of dE."""
    total, start = np.zeros(j1 - j0), 0
    for symbol in range(len(ends)):
        total[:] = 0.0
        for index in range(start, ends[symbol]):
            position = order[index]
            for k in range(j1 - j0):
                total[k] += dy[position, j0 + k]
        start = ends[symbol]
        for k in range(j1 - j0):
            dE[symbol, j0 + k] = scale[symbol] * total[k]
