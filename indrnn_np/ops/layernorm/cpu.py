"""Compiled twin of reference.py: two passes over a row in cache for its statistics, one for y.

The first number of a row, the pivot, is subtracted from the row before the mean is computed, and
the differences are stored in float64, so rows far from 0 lose no precision. The pivot is 0 if that
number is not finite. Rows do not depend on each other. The sums over rows for dscale and dshift are
computed in `SEGMENTS` pieces for any number of threads, so no bit depends on that number.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from ... import _check
from ..._cpu.arrays import empty, empty_like
from ..._cpu.jit import njit
from ..._cpu.threads import parallel_for
from . import contract

SEGMENTS = 16


def forward(x, scale, shift, eps=1e-5, out=None):
    """Twin of reference.forward."""
    contract.check_forward("layernorm.forward", x, scale, shift, eps, out)
    _check.floats("layernorm.forward", x=x)
    y = empty_like(x) if out is None else out
    rows, y_rows = _rows(x), _rows(y)
    mean, rstd = empty(len(rows), x.dtype), empty(len(rows), x.dtype)
    parallel_for(len(rows), x.size, partial(_normalise, rows, scale, shift, eps, y_rows, mean, rstd))
    return y, mean.reshape(x.shape[:-1]), rstd.reshape(x.shape[:-1])


def backward(dy, x, mean, rstd, scale, out=None):
    """Twin of reference.backward."""
    contract.check_backward("layernorm.backward", dy, x, mean, rstd, scale, out)
    _check.floats("layernorm.backward", x=x)
    dx = empty_like(x) if out is None else out
    arrays = _rows(dy), _rows(x), mean.reshape(-1), rstd.reshape(-1), scale, _rows(dx)
    edges = np.arange(SEGMENTS + 1) * len(arrays[0]) // SEGMENTS
    dscale, dshift = np.zeros((2, SEGMENTS, x.shape[-1]))
    parallel_for(SEGMENTS, x.size, partial(_gradients, *arrays, edges, dscale, dshift), grain=1)
    return dx, dscale.sum(axis=0).astype(x.dtype), dshift.sum(axis=0).astype(x.dtype)


def _rows(x):
    """Return an array (..., H) as rows (N, H)."""
    return x.reshape(-1, x.shape[-1])


@njit
def _normalise(x, scale, shift, eps, y, mean, rstd, i, j):
    """Normalise rows i to j."""
    H = x.shape[1]
    deviations = np.empty(H)
    for r in range(i, j):
        pivot = np.float64(x[r, 0]) if math.isfinite(x[r, 0]) else 0.0
        total, squares = 0.0, 0.0
        for k in range(H):
            deviations[k] = x[r, k] - pivot
            total += deviations[k]
        centre = total / H
        for k in range(H):
            deviations[k] -= centre
            squares += deviations[k] * deviations[k]
        factor = 1.0 / math.sqrt(squares / H + eps)
        for k in range(H):
            y[r, k] = deviations[k] * factor * scale[k] + shift[k]
        mean[r] = pivot + centre
        rstd[r] = factor


@njit
def _gradients(dy, x, mean, rstd, scale, dx, edges, dscale, dshift, k0, k1):
    """Fill dx of segments k0 to k1; add to dscale and dshift (SEGMENTS, H), float64."""
    H = x.shape[1]
    for s in range(k0, k1):
        for r in range(edges[s], edges[s + 1]):
            centre, factor = np.float64(mean[r]), np.float64(rstd[r])
            mean_g, mean_g_x_hat = 0.0, 0.0
            for k in range(H):
                x_hat = (x[r, k] - centre) * factor
                g = np.float64(scale[k]) * dy[r, k]
                mean_g += g
                mean_g_x_hat += g * x_hat
                dscale[s, k] += dy[r, k] * x_hat
                dshift[s, k] += dy[r, k]
            mean_g, mean_g_x_hat = mean_g / H, mean_g_x_hat / H
            for k in range(H):
                x_hat = (x[r, k] - centre) * factor
                dx[r, k] = factor * (np.float64(scale[k]) * dy[r, k] - mean_g - x_hat * mean_g_x_hat)
