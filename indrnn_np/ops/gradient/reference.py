"""Norm and clipping in plain NumPy."""

from __future__ import annotations

import numpy as np

from ... import _check


def norm(g):
    """‖g‖₂ of a flat gradient (P,), a float; not finite if any element is not."""
    check("gradient.norm", g)
    return float(np.sqrt(np.sum(g.astype(np.float64) ** 2)))


def clip_norm(g, limit):
    """Scale g (P,) in place so that its norm is at most `limit`; returns the norm that it had."""
    check("gradient.clip_norm", g, limit)
    before = norm(g)
    if before > limit:
        g *= g.dtype.type(limit / before)
    return before


def clip_value(g, limit):
    """Bring every element of g (P,) into [-limit, limit], in place."""
    check("gradient.clip_value", g, limit)
    np.clip(g, -limit, limit, out=g)


def check(where, g, limit=None):
    """The contract, shared with the twin."""
    _check.array(where, "g", g, 1, "(P,)")
    _check.floats(where, g=g)
    if limit is not None:
        _check.at_least(where, "limit", limit, 0.0, strictly=True)
