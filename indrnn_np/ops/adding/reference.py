"""The adding problem in plain NumPy."""

from __future__ import annotations

import numpy as np

from ... import _check
from ..random import reference as random


def draw(key, steps, size, dtype="float32", first=0, count=None):
    """Draw `size` sequences, and give `count` of them from number `first` on (None: all that follow).

    Reads      key = (seed, stream, iteration): values come from it, markers from (seed, stream + 1, iteration)
    Returns    x (T, count, 2), target (count, 1), T = steps
    Raises     ValueError naming what is wrong
    """
    dtype, key_of_markers, count = check("adding.draw", key, steps, size, dtype, first, count)
    x, half, columns = np.zeros((steps, size, 2), dtype), steps // 2, np.arange(size)
    x[:, :, 0] = random.uniform(key, (steps, size), dtype)
    place = random.uniform(key_of_markers, (2, size), "float64")
    one = (place[0] * half).astype(np.int64)
    two = half + (place[1] * (steps - half)).astype(np.int64)
    x[one, columns, 1] = 1
    x[two, columns, 1] = 1
    target = x[one, columns, 0] + x[two, columns, 0]
    part = slice(first, first + count)
    return np.ascontiguousarray(x[:, part]), target[part, None]


def check(where, key, steps, size, dtype, first, count):
    """The dtype of the numbers, the key of the markers and the number of samples, all of them checked."""
    seed, stream, iteration = random.check_key(where, key)
    _check.at_least(where, "steps", steps, 2)
    dtype = random.check_uniform(where, (steps, size), dtype)
    _check.between(where, "first", first, 0, size + 1)
    count = size - first if count is None else count
    _check.between(where, "count", count, 0, size - first + 1)
    return dtype, random.check_key(where, (seed, stream + 1, iteration)), count
