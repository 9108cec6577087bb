"""Argument checks shared by the twins of finite, and its entries in the catalogue."""

from __future__ import annotations

import numpy as np

from ... import _check
from ..catalogue import Entry


def check(where, a):
    """Check the argument of first."""
    _check.arrays(where, "a: real ...", a)


def draw(d, nan_at=None):
    """Draw arguments of first, with NaN at the flat index `nan_at` unless that is None."""
    a = d.real(d.T, d.B)
    if nan_at is not None:
        a.flat[nan_at] = np.nan
    return {"a": a}


CATALOGUE = (Entry("first", draw, {"nan_at": (None, 0, 7)}, exact=True),)
