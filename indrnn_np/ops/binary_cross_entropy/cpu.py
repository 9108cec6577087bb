"""Compiled twin of reference.py: loss and gradient in one pass of vector code, in float64 for both dtypes."""

from __future__ import annotations

import numpy as np

from ... import _check
from ..._cpu import arrays
from ..._cpu.jit import njit
from ..recurrence.vector_tanh import decay_float64, log1p_float64
from . import contract


def loss(y, target, mask=None, out=None):
    """Twin of reference.loss."""
    contract.check("binary_cross_entropy.loss", y, target, mask, out)
    _check.floats("binary_cross_entropy.loss", y=y)
    n = contract.check_targets("binary_cross_entropy.loss", y, target, mask)
    dy = arrays.empty_like(y) if out is None else out
    counted = np.ones(y.size, np.bool_) if mask is None else np.repeat(mask, y.shape[-1])
    total = _kernel(y.reshape(-1), target.reshape(-1), counted, n, dy.reshape(-1))
    return float(total) / n, dy  # without the compiler, total is a NumPy number


@njit
def _kernel(y, target, counted, n, dy):
    total = 0.0
    for i in range(len(y)):  # every element is computed: to skip some would prevent vector code
        score, t = float(y[i]), float(target[i])
        e, m = decay_float64(score), 1.0 - t if score > 0.0 else t
        term = (m * abs(score) if m > 0.0 else 0.0) + log1p_float64(e)  # inf * 0 is 0 here
        slope = m - e / (1.0 + e)
        total += term if counted[i] else 0.0
        dy[i] = ((slope if score > 0.0 else -slope) if counted[i] else 0.0) / n
    return total
