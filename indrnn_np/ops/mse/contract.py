"""Argument checks shared by the twins of mse, and its entries in the catalogue."""

from __future__ import annotations

import numpy as np

from ... import _check
from ..catalogue import BOTH, Entry


def check(where, y, target, mask, out):
    """Check the arguments of loss."""
    table = "y: T? B K, target: any T? B K, mask?: bool T? B, out?: written T? B K"
    _check.arrays(where, table, y, target, mask, out)
    if y.dtype != np.complex128:  # a complex step keeps real targets
        _check.floats(where, y=y, target=target)


def check_direction(where, y_dot, y):
    """Check the direction of the outputs."""
    _check.arrays(where, "y: T? B K, y_dot: T? B K", y, y_dot)


def count(where, y, mask):
    """Return the number of counted elements, after checking that it is not 0."""
    n = y.size if mask is None else int(mask.sum()) * y.shape[-1]
    check_count(where, "element", n)
    return n


def check_count(where, unit, n):
    """Raise an error if a mean has no values; it would be NaN."""
    if n == 0:
        _check.fail(where, f"no {unit} is counted", f"at least one {unit}", "to take a mean over")


def draw(d, every=False, mask=False):
    """Draw arguments of loss: targets of the last time step, or of every time step."""
    shape = (d.T, d.B) if every else (d.B,)
    counted = d.mask(*shape) if mask else None
    return {"y": d.real(*shape, d.K), "target": d.real(*shape, d.K), "mask": counted}


OPTIONS = {"every": BOTH, "mask": BOTH}
CATALOGUE = (Entry("loss", draw, OPTIONS, results=("loss", "dy"), out="dy", gradients=("y",)),)
