"""Norm and clipping in plain NumPy."""

from __future__ import annotations

import numpy as np

from . import contract


def norm(g):
    """Return ‖g‖₂ of a flat gradient (P,) as a float; it is finite only if all elements are."""
    contract.check("gradient.norm", g)
    return float(np.sqrt(np.sum(g.astype(np.float64) ** 2)))


def clip_norm(g, limit):
    """Scale g (P,) in place so that its norm is at most `limit`; return the norm before scaling."""
    limit = contract.check_limit("gradient.clip_norm", g, limit)
    before = norm(g)
    if before > limit:
        g *= g.dtype.type(limit / before)
    return before


def clip_value(g, limit):
    """Clip every element of g (P,) to [-limit, limit], in place."""
    limit = contract.check_limit("gradient.clip_value", g, limit)
    np.clip(g, -limit, limit, out=g)
