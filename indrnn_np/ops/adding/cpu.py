"""Compiled twin of reference.py: of a part of the samples it draws the numbers of that part alone."""

from __future__ import annotations

import numpy as np

from ... import _arrays
from ..._numba import njit
from ..random import cpu as random
from . import reference


def draw(key, steps, size, dtype="float32", first=0, count=None):
    """Twin of reference.draw."""
    dtype, key_of_markers, count = reference.check("adding.draw", key, steps, size, dtype, first, count)
    x, target = _arrays.empty((steps, count, 2), dtype), _arrays.empty((count, 1), dtype)
    rows = x.reshape(1, -1, 2) if count == size else x  # all samples: one run of numbers through all steps
    _fill(*random.key_words("adding.draw", key), size, first, rows)
    _mark(random.uniform(key_of_markers, (2, size), "float64"), first, x, target)
    return x, target


@njit
def _fill(seed, stream, iteration, size, first, x):
    """x[t, b] = (number t · size + first + b of the stream, 0)."""
    each = x.itemsize // 4  # words of a number
    words = np.empty(4 * ((each * x.shape[1] + 6) // 4), np.uint32)  # up to 3 come before a row's first
    for t in range(len(x)):
        start = each * (t * size + first)
        random.fill(seed, stream, iteration, start // 4, words)
        if each == 1:
            random.to_float32(words[start % 4 :], x[t, :, 0])
        else:
            random.to_float64(words[start % 4 :], x[t, :, 0])
        x[t, :, 1] = 0


@njit
def _mark(place, first, x, target):
    """Mark one step of each half, and add up what stands there."""
    half = len(x) // 2
    for b in range(x.shape[1]):
        one = int(place[0, first + b] * half)
        two = half + int(place[1, first + b] * (len(x) - half))
        x[one, b, 1] = 1
        x[two, b, 1] = 1
        target[b, 0] = x[one, b, 0] + x[two, b, 0]
