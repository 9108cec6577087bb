"""Compiled twin of reference.py: one pass over the scores, no array besides the gradient."""

from __future__ import annotations

import math

import numpy as np

from ... import _arrays, _check
from ..._numba import njit
from . import reference


def loss(y, target, mask=None, out=None):
    """Twin of reference.loss."""
    reference.check("softmax_cross_entropy.loss", y, target, mask, out)
    _check.floats("softmax_cross_entropy.loss", y=y)
    labels, counted, n = reference.check_labels("softmax_cross_entropy.loss", y, target, mask)
    dy = _arrays.empty_like(y) if out is None else out
    K = y.shape[-1]
    return _kernel(y.reshape(-1, K), labels, counted, n, dy.reshape(-1, K)) / n, dy


@njit
def _kernel(y, labels, counted, n, dy):
    zero, one = y.dtype.type(0), y.dtype.type(1)
    rows, K = y.shape
    total = 0.0
    for r in range(rows):
        if not counted[r]:
            dy[r, :] = zero
            continue
        chosen, top = y[r, labels[r]], y[r, 0]  # read before dy is written, which may be y
        for k in range(1, K):
            if not y[r, k] <= top:  # NaN becomes the top, and so reaches the loss
                top = y[r, k]
        partition = zero
        for k in range(K):
            dy[r, k] = math.exp(y[r, k] - top)
            partition += dy[r, k]
        total += np.float64(math.log(partition)) - np.float64(chosen - top)
        factor = one / (partition * y.dtype.type(n))
        for k in range(K):
            dy[r, k] *= factor
        dy[r, labels[r]] -= one / y.dtype.type(n)
    return total
