"""Argument checks shared by the twins of adding, and its entries in the catalogue."""

from __future__ import annotations

from ... import _check
from ..catalogue import Entry
from ..random import contract as random


def check(where, key, steps, size, dtype, first, count):
    """Check the arguments of draw; return the dtype, the key of the markers, and `count`."""
    seed, stream, iteration = random.check_key(where, key)
    _check.at_least(where, "steps", steps, 2)
    dtype = random.check_uniform(where, (steps, size), dtype)
    _check.between(where, "first", first, 0, size + 1)
    count = size - first if count is None else count
    _check.between(where, "count", count, 0, size - first + 1)
    return dtype, random.check_key(where, (seed, stream + 1, iteration)), count


def draw(d):
    """Draw arguments of draw: 3 of 7 sequences."""
    return {"key": d.key(), "steps": d.T + 1, "size": 7, "dtype": d.dtype, "first": 2, "count": 3}


CATALOGUE = (Entry("draw", draw, exact=True),)
