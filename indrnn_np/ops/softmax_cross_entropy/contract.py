"""Argument checks shared by the twins of softmax_cross_entropy, and its catalogue entry."""

from __future__ import annotations

import numpy as np

from ... import _check
from ..catalogue import BOTH, Entry
from ..mse.contract import check_count
from ..mse.contract import check_direction as check_direction

EQUAL, WEIGHTED = "equal", "weighted"  # classes without weights and smoothing, and with both


def check(where, y, target, mask, out, weights=None, smoothing=0.0):
    """Check the arguments of loss except the values of the labels; return the label smoothing as a float."""
    check_label_dtype(where, target)
    table = "y: T? B K, target: int T? B, mask?: bool T? B, weights?: K, out?: written T? B K"
    _check.arrays(where, table, y, target, mask, weights, out)
    if weights is not None:
        check_weights(where, weights)
    return float(_check.between(where, "smoothing", smoothing, 0.0, 1.0))


def check_label_dtype(where, target):
    """Check that labels are an array of integers."""
    _check.array(where, "target", target)
    if target.dtype.kind not in "iu":
        because = "because labels are class numbers"
        _check.fail(where, f"target has dtype {target.dtype}", "an integer dtype", because)


def check_weights(where, weights):
    """Check that class weights are positive and finite."""
    wrong = ~((weights.real > 0) & np.isfinite(weights))
    if wrong.any():
        k = int(np.argmax(wrong))
        because = "because a class without weight would not be learned"
        _check.fail(where, f"weights[{k}] is {weights[k]}", "a finite number above 0", because)


def check_labels(where, y, target, mask):
    """Check the counted labels; return the flat labels, the flat mask and the number of labels.

    Labels that are not counted become 0. At least one label must be counted.
    """
    counted = np.ones(target.size, np.bool_) if mask is None else mask.reshape(-1)
    labels, K = target.reshape(-1).astype(np.int64), y.shape[-1]
    wrong = counted & ((labels < 0) | (labels >= K))
    if wrong.any():
        first = int(np.argmax(wrong))
        index = [int(i) for i in np.unravel_index(first, target.shape)]
        because = f"to match y with shape {y.shape}"
        _check.fail(where, f"target{index} is {labels[first]}", f"0 to {K - 1}", because)
    check_count(where, "label", counted.sum())
    return np.where(counted, labels, 0), counted, int(counted.sum())


def draw(d, every=False, mask=False, classes=EQUAL):
    """Draw arguments of loss: labels of the last time step, or of every time step."""
    shape = (d.T, d.B) if every else (d.B,)
    counted = d.mask(*shape) if mask else None
    y, target = 3.0 * d.real(*shape, d.K), d.rng.integers(0, d.K, shape)
    weights, smoothing = (None, 0.0) if classes == EQUAL else (0.1 + d.positive(d.K), 0.1)
    return {"y": y, "target": target, "mask": counted, "weights": weights, "smoothing": smoothing}


OPTIONS = {"every": BOTH, "mask": BOTH, "classes": (EQUAL, WEIGHTED)}
LIMITS = {"cuda": {"classes": EQUAL}}
CATALOGUE = (Entry("loss", draw, OPTIONS, results=("loss", "dy"), out="dy", gradients=("y",), limits=LIMITS),)
