"""Softmax cross-entropy in plain NumPy."""

from __future__ import annotations

import numpy as np

from ... import _check
from ..mse.reference import check_count, check_mask


def loss(y, target, mask=None, out=None):
    """Mean cross-entropy between the labels and the softmax of the scores.

    Equation   L = -Σ log softmax(y)[target] / n,  dy = (softmax(y) - onehot(target)) / n,  n counted labels
    Reads      y (B, K) or (T, B, K), target (B,) or (T, B) integers from 0 to K-1; mask bool of the shape of
               target, or None (labels that the mask leaves out may be anything)
    Returns    L in nats (a float, summed in float64), dy of the shape of y (it is `out` if given)
    Raises     ValueError naming the array, what it has and what was expected
    """
    check("softmax_cross_entropy.loss", y, target, mask, out)
    labels, counted, n = check_labels("softmax_cross_entropy.loss", y, target, mask)
    scores = y.reshape(-1, y.shape[-1])
    shifted = scores - scores.real.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    rows = np.arange(len(labels))
    value = -np.sum(log_p[rows, labels][counted], dtype=np.result_type(y.dtype, np.float64)) / n
    dy = np.exp(log_p)
    dy[rows, labels] -= 1
    dy = np.where(counted[:, None], dy / n, 0).astype(y.dtype).reshape(y.shape)
    if out is not None:
        out[...] = dy
        dy = out
    return value.item(), dy


def check(where, y, target, mask, out):
    """The contract, shared with the twins, but for the labels' values."""
    _check.array(where, "y", y, (2, 3), "(B, K) or (T, B, K)")
    _check.floats(where, _check.FLOATS, y=y, out=out)
    _check.array(where, "target", target)
    if target.dtype.kind not in "iu":
        _check.fail(
            where, f"target has dtype {target.dtype}", "an integer dtype", "because labels are class numbers"
        )
    _check.matches(where, "target", target, y.shape[:-1], "y", y)
    check_mask(where, mask, y)
    if out is not None:
        _check.array(where, "out", out)
        _check.matches(where, "out", out, y.shape, "y", y)


def check_labels(where, y, target, mask):
    """Counted labels are class numbers; returns them flat (0 if not counted), which count, how many: at least one."""
    counted = np.ones(target.size, np.bool_) if mask is None else mask.reshape(-1)
    labels, K = target.reshape(-1).astype(np.int64), y.shape[-1]
    wrong = counted & ((labels < 0) | (labels >= K))
    if wrong.any():
        first = int(np.argmax(wrong))
        index = [int(i) for i in np.unravel_index(first, target.shape)]
        _check.fail(
            where, f"target{index} is {labels[first]}", f"0 to {K - 1}", f"to match y with shape {y.shape}"
        )
    check_count(where, "label", counted.sum())
    return np.where(counted, labels, 0), counted, int(counted.sum())
