"""Compiled twin of reference.py: loss and gradient in one pass."""

from __future__ import annotations

import numpy as np

from ... import _check
from ..._cpu import arrays
from ..._cpu.jit import njit
from . import contract


def loss(y, target, mask=None, out=None):
    """Twin of reference.loss."""
    contract.check("mse.loss", y, target, mask, out)
    _check.floats("mse.loss", y=y)
    n = contract.count("mse.loss", y, mask)
    dy = arrays.empty_like(y) if out is None else out
    K = y.shape[-1]
    counted = np.ones(y.size // K, np.bool_) if mask is None else mask.reshape(-1)
    total = _kernel(y.reshape(-1, K), target.reshape(-1, K), counted, n, dy.reshape(-1, K))
    return float(total) / n, dy  # without the compiler, total is a NumPy number


@njit
def _kernel(y, target, counted, n, dy):
    zero, factor = y.dtype.type(0), y.dtype.type(2) / y.dtype.type(n)
    total = 0.0
    for r in range(y.shape[0]):
        for k in range(y.shape[1]):
            difference = y[r, k] - target[r, k] if counted[r] else zero
            total += np.float64(difference) * np.float64(difference)
            dy[r, k] = factor * difference
    return total
