"""Compiled twin of reference.py: stops at the first hit and makes no array."""

from __future__ import annotations

import math

from ..._numba import njit
from . import reference


def first(a):
    """Twin of reference.first."""
    reference.check("finite.first", a)
    return _first(a.reshape(-1))


@njit
def _first(a):
    for i in range(len(a)):
        if not math.isfinite(a[i]):
            return i
    return -1
