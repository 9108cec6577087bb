"""Argument checks shared by the twins of project, and its entries in the catalogue."""

from __future__ import annotations

from ... import _check
from ..catalogue import Entry


def check(where, u, bound):
    """Check the arguments of project; return the bound as a Python number."""
    _check.arrays(where, "u: written real H", u)
    return _check.at_least(where, "bound", bound, 0.0, strictly=True)


def draw(d):
    """Draw arguments of project."""
    return {"u": d.real(d.H), "bound": 0.5}


CATALOGUE = (Entry("project", draw, changes=("u",), exact=True),)
