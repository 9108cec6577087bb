"""The search in plain NumPy."""

from __future__ import annotations

import numpy as np

from ... import _check


def first(a):
    """Flat index (C order) of the first element of `a` that is NaN or Inf; -1 if all are finite."""
    check("finite.first", a)
    bad = ~np.isfinite(a).reshape(-1)
    return int(np.argmax(bad)) if bad.any() else -1


def check(where, a):
    """The contract, shared with the twin."""
    _check.array(where, "a", a)
    _check.floats(where, a=a)
