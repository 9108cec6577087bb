"""Search for non-finite numbers in plain NumPy."""

from __future__ import annotations

import numpy as np

from . import contract


def first(a):
    """Return the flat index (C order) of the first NaN or infinity of `a`, -1 if all are finite."""
    contract.check("finite.first", a)
    bad = ~np.isfinite(a).reshape(-1)
    return int(np.argmax(bad)) if bad.any() else -1
