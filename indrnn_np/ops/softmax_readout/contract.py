"""Argument checks shared by the twins of softmax_readout, and its entries in the catalogue."""

from __future__ import annotations

import numpy as np

from ... import _check
from ..catalogue import BOTH, Entry
from ..softmax_cross_entropy.contract import check_label_dtype, check_labels


def check(where, x, W, b, target, mask):
    """Check the arguments; return the flat labels, the flat mask and the number of counted labels."""
    check_label_dtype(where, target)
    table = "x: T? B D, W: K D, b: K, target: int T? B, mask?: bool T? B"
    _check.arrays(where, table, x, W, b, target, mask)
    scores = np.broadcast_to(x.dtype.type(0), (*target.shape, len(W)))  # only its shape is read
    return check_labels(where, scores, target, mask)


def draw(d, every=False, mask=False):
    """Draw arguments: labels of the last time step, or of every time step."""
    shape = (d.T, d.B) if every else (d.B,)
    return {
        "x": d.real(*shape, d.D), "W": d.real(d.K, d.D), "b": d.real(d.K),
        "target": d.rng.integers(0, d.K, shape), "mask": d.mask(*shape) if mask else None,
    }  # fmt: skip


OPTIONS = {"every": BOTH, "mask": BOTH}
CATALOGUE = (
    Entry("loss", draw, OPTIONS, results=("loss", "dx", "dW", "db"), gradients=("x", "W", "b")),
    Entry("evaluate", draw, OPTIONS),
)
