"""Compiled twin of reference.py: one pass over the scores, and no array except the gradient."""

from __future__ import annotations

import math

import numpy as np

from ... import _check
from ..._cpu import arrays
from ..._cpu.jit import AS_WRITTEN, njit
from . import contract


def loss(y, target, mask=None, out=None):
    """Twin of reference.loss."""
    contract.check("softmax_cross_entropy.loss", y, target, mask, out)
    _check.floats("softmax_cross_entropy.loss", y=y)
    labels, counted, n = contract.check_labels("softmax_cross_entropy.loss", y, target, mask)
    dy = arrays.empty_like(y) if out is None else out
    K = y.shape[-1]
    total = _kernel(y.reshape(-1, K), labels, counted, n, dy.reshape(-1, K))
    return float(total) / n, dy  # without the compiler, total is a NumPy number


@njit(rounding=AS_WRITTEN)
def cross_entropy(partition, label_score, top_score):
    """Return -log softmax of the label.

    The order matters: a large score that is added first would absorb log(partition).
    """
    return np.float64(math.log(partition)) - np.float64(label_score - top_score)


@njit
def _kernel(y, labels, counted, n, dy):
    zero, one = y.dtype.type(0), y.dtype.type(1)
    rows, K = y.shape
    total = 0.0
    for r in range(rows):
        if not counted[r]:
            dy[r, :] = zero
            continue
        label_score, top_score = y[r, labels[r]], y[r, 0]  # read before dy is written, because dy may be y
        for k in range(1, K):
            if not y[r, k] <= top_score:  # NaN becomes the top score and reaches the loss
                top_score = y[r, k]
        partition = zero
        for k in range(K):
            dy[r, k] = math.exp(y[r, k] - top_score)
            partition += dy[r, k]
        total += cross_entropy(partition, label_score, top_score)
        factor = one / (partition * y.dtype.type(n))
        for k in range(K):
            dy[r, k] *= factor
        dy[r, labels[r]] -= one / y.dtype.type(n)
    return total
