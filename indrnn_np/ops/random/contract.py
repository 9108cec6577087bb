"""Argument checks shared by the twins of random, and its entries in the catalogue."""

from __future__ import annotations

from ... import _check
from ..catalogue import Entry


def check_key(where, key):
    """Check the key, and return it as three Python integers."""
    if not isinstance(key, tuple | list) or len(key) != 3:
        _check.fail(where, f"key is {key!r}", "(seed, stream, iteration)", error=TypeError)
    for name, value, limit in zip(("seed", "stream", "iteration"), key, (2**64, 2**32, 2**64), strict=True):
        _check.between(where, name, value, 0, limit)
    seed, stream, iteration = (int(part) for part in key)
    return seed, stream, iteration


def check_uniform(where, shape, dtype):
    """Check the arguments of uniform, and return the dtype."""
    for size in shape:
        _check.at_least(where, "a size in shape", size, 0)
    return _check.dtype(where, dtype)


def check_bits(where, key, count):
    """Check the arguments of bits, and return the key as three Python integers."""
    parts = check_key(where, key)
    _check.at_least(where, "count", count, 0)
    return parts


def draw(d):
    """Draw arguments of bits."""
    return {"key": d.key(), "count": d.T * d.H + 3}


def draw_uniform(d):
    """Draw arguments of uniform."""
    return {"key": d.key(), "shape": (d.T, d.H), "dtype": d.dtype}


CATALOGUE = (Entry("bits", draw, exact=True), Entry("uniform", draw_uniform, exact=True))
