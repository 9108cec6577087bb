"""Argument checks shared by the twins of softmax_cross_entropy, and its catalogue entry."""

from __future__ import annotations

import numpy as np

from ... import _check
from ..catalogue import BOTH, Entry
from ..mse.contract import check_count
from ..mse.contract import check_direction as check_direction


def check(where, y, target, mask, out):
    """Check the arguments of loss except the values of the labels."""
    _check.array(where, "target", target)
    if target.dtype.kind not in "iu":
        because = "because labels are class numbers"
        _check.fail(where, f"target has dtype {target.dtype}", "an integer dtype", because)
    table = "y: T? B K, target: int T? B, mask?: bool T? B, out?: written T? B K"
    _check.arrays(where, table, y, target, mask, out)


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


def draw(d, every=False, mask=False):
    """Draw arguments of loss: labels of the last time step, or of every time step."""
    shape = (d.T, d.B) if every else (d.B,)
    counted = d.mask(*shape) if mask else None
    return {"y": 3.0 * d.real(*shape, d.K), "target": d.rng.integers(0, d.K, shape), "mask": counted}


OPTIONS = {"every": BOTH, "mask": BOTH}
CATALOGUE = (Entry("loss", draw, OPTIONS, results=("loss", "dy"), out="dy", gradients=("y",)),)
