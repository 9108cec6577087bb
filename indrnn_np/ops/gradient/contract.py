"""Argument checks shared by the twins of gradient, and its entries in the catalogue."""

from __future__ import annotations

from ... import _check
from ..catalogue import Entry


def check(where, g):
    """Check g; a function that writes to g uses check_limit."""
    _check.arrays(where, "g: real P", g)


def check_limit(where, g, limit):
    """Check the arguments of clip_norm or clip_value; return the limit as a Python number."""
    _check.arrays(where, "g: written real P", g)
    return _check.at_least(where, "limit", limit, 0.0, strictly=True)


def draw(d):
    """Draw arguments of norm."""
    return {"g": d.real(d.T * d.H)}


def draw_limit(d, limit=0.5):
    """Draw arguments of clip_norm or clip_value."""
    return draw(d) | {"limit": limit}


LIMITS = {"limit": (0.5, 1e9)}
CATALOGUE = (
    Entry("norm", draw),
    Entry("clip_norm", draw_limit, LIMITS, changes=("g",)),
    Entry("clip_value", draw_limit, LIMITS, changes=("g",), exact=True),
)
