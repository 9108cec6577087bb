"""Compiled twin of reference.py, without temporary arrays."""

from __future__ import annotations

import math

import numpy as np

from ..._cpu.jit import njit
from . import contract, reference

clip_value = reference.clip_value  # a NumPy call in place is one pass


def norm(g):
    """Twin of reference.norm."""
    contract.check("gradient.norm", g)
    return math.sqrt(_sum_of_squares(g))


def clip_norm(g, limit):
    """Twin of reference.clip_norm."""
    limit = contract.check_limit("gradient.clip_norm", g, limit)
    before = norm(g)
    if before > limit:
        g *= g.dtype.type(limit / before)
    return before


@njit
def _sum_of_squares(g):
    total = 0.0
    for i in range(len(g)):
        total += np.float64(g[i]) * np.float64(g[i])
    return total
