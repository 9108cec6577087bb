"""Compiled twin of reference.py: one pass over the scores, and no array except the gradient."""

from __future__ import annotations

import math

import numpy as np

from ... import _check
from ..._cpu import arrays
from ..._cpu.jit import AS_WRITTEN, njit
from . import contract


def loss(y, target, mask=None, weights=None, smoothing=0.0, out=None):
    """Twin of reference.loss."""
    where = "softmax_cross_entropy.loss"
    smoothing = contract.check(where, y, target, mask, out, weights, smoothing)
    _check.floats(where, y=y)
    labels, counted, _ = contract.check_labels(where, y, target, mask)
    dy = arrays.empty_like(y) if out is None else out
    K = y.shape[-1]
    weights = np.ones(K, y.dtype) if weights is None else weights
    total, W = _kernel(y.reshape(-1, K), labels, counted, weights, smoothing, dy.reshape(-1, K))
    return float(total) / float(W), dy  # without the compiler, total is a NumPy number


@njit(rounding=AS_WRITTEN)
def cross_entropy(partition, label_score, top_score):
    """Return -log softmax of the label.

    The order matters: a large score that is added first would absorb log(partition).
    """
    return np.float64(math.log(partition)) - np.float64(label_score - top_score)


@njit
def weight_of(labels, counted, weights):
    """Return Σ weights[label] of the counted labels."""
    total = 0.0
    for r in range(len(labels)):
        if counted[r]:
            total += np.float64(weights[labels[r]])
    return total


@njit
def below_top(scores, top_score):
    """Return Σ_k (top score - y_k) of a row."""
    total = 0.0
    for k in range(len(scores)):
        total += np.float64(top_score - scores[k])
    return total


@njit
def _kernel(y, labels, counted, weights, smoothing, dy):
    zero = y.dtype.type(0)
    rows, K = y.shape
    total, W = 0.0, weight_of(labels, counted, weights)
    for r in range(rows):
        if not counted[r]:
            dy[r, :] = zero
            continue
        label_score, top_score = y[r, labels[r]], y[r, 0]  # read before dy is written, because dy may be y
        for k in range(1, K):
            if not y[r, k] <= top_score:  # NaN becomes the top score and reaches the loss
                top_score = y[r, k]
        spread = below_top(y[r], top_score) if smoothing > 0 else 0.0
        partition = zero
        for k in range(K):
            dy[r, k] = math.exp(y[r, k] - top_score)
            partition += dy[r, k]
        w = weights[labels[r]]
        value = (1 - smoothing) * cross_entropy(partition, label_score, top_score)
        value += smoothing * (math.log(partition) + spread / K)
        total += np.float64(w) * value
        share = w / y.dtype.type(W)
        factor, even = w / (partition * y.dtype.type(W)), share * y.dtype.type(smoothing / K)
        for k in range(K):
            dy[r, k] = dy[r, k] * factor - even
        dy[r, labels[r]] -= share * y.dtype.type(1 - smoothing)
    return total, W
