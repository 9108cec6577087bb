"""Argument checks shared by the twins of binary_cross_entropy, and its catalogue entry."""

from __future__ import annotations

import numpy as np

from ... import _check
from ..catalogue import BOTH, Entry
from ..mse.contract import check as check
from ..mse.contract import check_direction as check_direction
from ..mse.contract import count


def check_targets(where, y, target, mask):
    """Check the values of the counted targets, and return their number."""
    n = count(where, y, mask)
    wrong = ~((target >= 0) & (target <= 1))  # so that NaN is wrong
    if mask is not None:
        wrong &= mask[..., None]
    if wrong.any():
        index = _check.first_index(wrong)
        because = "because a target is the probability of its label"
        _check.fail(where, f"target{list(index)} is {target[index]}", "0 to 1", because)
    return n


def draw(d, every=False, mask=False):
    """Draw arguments of loss: targets of the last time step, or of every time step; most are 0 or 1."""
    shape = (d.T, d.B) if every else (d.B,)
    counted = d.mask(*shape) if mask else None
    return {"y": 3.0 * d.real(*shape, d.K), "target": np.clip(d.real(*shape, d.K), 0, 1), "mask": counted}


OPTIONS = {"every": BOTH, "mask": BOTH}
CATALOGUE = (Entry("loss", draw, OPTIONS, results=("loss", "dy"), out="dy", gradients=("y",)),)
