"""Compiled twin of reference.py: one pass over a row in cache for its statistics, one to write it.

Rows do not depend on each other. Sums over rows, for scale and shift, are taken in `SEGMENTS` pieces, however many
threads share them, so no bit depends on their number.
"""

from __future__ import annotations

import math

import numpy as np

from ... import _arrays, _check
from ..._numba import njit
from ..._threads import over
from . import reference

SEGMENTS = 16


def forward(x, scale, shift, eps=1e-5, out=None):
    """Twin of reference.forward."""
    reference.check_forward("layernorm.forward", x, scale, shift, out)
    _check.floats("layernorm.forward", x=x)
    y = _arrays.empty_like(x) if out is None else out
    rows, y_rows = _rows(x), _rows(y)
    mean, rstd = _arrays.empty((len(rows),), x.dtype), _arrays.empty((len(rows),), x.dtype)
    over(len(rows), x.size, lambda i, j: _normalise(rows, scale, shift, eps, y_rows, mean, rstd, i, j))
    return y, mean.reshape(x.shape[:-1]), rstd.reshape(x.shape[:-1])


def backward(dy, x, mean, rstd, scale, out=None):
    """Twin of reference.backward."""
    reference.check_backward("layernorm.backward", dy, x, mean, rstd, scale, out)
    _check.floats("layernorm.backward", x=x)
    dx = _arrays.empty_like(x) if out is None else out
    arrays = _rows(dy), _rows(x), mean.reshape(-1), rstd.reshape(-1), scale, _rows(dx)
    edges = np.arange(SEGMENTS + 1) * len(arrays[0]) // SEGMENTS
    dscale, dshift = np.zeros((2, SEGMENTS, x.shape[-1]))
    over(SEGMENTS, x.size, lambda k0, k1: _carry_back(*arrays, edges, dscale, dshift, k0, k1), grain=1)
    return dx, dscale.sum(axis=0).astype(x.dtype), dshift.sum(axis=0).astype(x.dtype)


def _rows(x):
    return x.reshape(-1, x.shape[-1])


@njit
def _normalise(x, scale, shift, eps, y, mean, rstd, i, j):
    """Rows i to j."""
    H = x.shape[1]
    for r in range(i, j):
        total, squares = np.float64(0), np.float64(0)  # so that interpreted, too, sums are in float64
        for k in range(H):
            total += x[r, k]
        centre = total / H
        for k in range(H):
            d = x[r, k] - centre
            squares += d * d
        factor = 1.0 / math.sqrt(squares / H + eps)
        for k in range(H):
            y[r, k] = (x[r, k] - centre) * factor * scale[k] + shift[k]
        mean[r] = centre
        rstd[r] = factor


@njit
def _carry_back(dy, x, mean, rstd, scale, dx, edges, dscale, dshift, k0, k1):
    """The rows of segments k0 to k1; their share of dscale and dshift (SEGMENTS, H) float64, zero on entry."""
    H = x.shape[1]
    for s in range(k0, k1):
        for r in range(edges[s], edges[s + 1]):
            centre, factor = np.float64(mean[r]), np.float64(rstd[r])
            total, along = 0.0, 0.0
            for k in range(H):
                x_hat = (x[r, k] - centre) * factor
                g = np.float64(scale[k]) * dy[r, k]
                total += g
                along += g * x_hat
                dscale[s, k] += dy[r, k] * x_hat
                dshift[s, k] += dy[r, k]
            total, along = total / H, along / H
            for k in range(H):
                x_hat = (x[r, k] - centre) * factor
                dx[r, k] = factor * (np.float64(scale[k]) * dy[r, k] - total - x_hat * along)
