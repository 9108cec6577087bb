"""Compiled twin of reference.py: draws the numbers of the requested samples only."""

from __future__ import annotations

import numpy as np

from ..._cpu import arrays
from ..._cpu.jit import njit
from ..random import cpu as random
from . import contract


def draw(key, steps, size, dtype="float32", first=0, count=None):
    """Twin of reference.draw."""
    dtype, key_of_markers, count = contract.check("adding.draw", key, steps, size, dtype, first, count)
    x, target = arrays.empty((steps, count, 2), dtype), arrays.empty((count, 1), dtype)
    rows = x.reshape(1, -1, 2) if count == size else x  # all samples: one range of numbers for all time steps
    _fill(*random.key_words("adding.draw", key), size, first, rows)
    _mark(random.uniform(key_of_markers, (2, size), "float64"), first, x, target)
    return x, target


@njit
def _fill(seed, stream, iteration, size, first, x):
    """Set x[t, b] to (number t · size + first + b of the stream, 0)."""
    width = x.itemsize // 4  # 32-bit words in a number
    words = np.empty(4 * ((width * x.shape[1] + 6) // 4), np.uint32)  # up to 3 words precede a row
    for t in range(len(x)):
        start = width * (t * size + first)
        random.fill(seed, stream, iteration, start // 4, words)
        if width == 1:
            random.to_float32(words[start % 4 :], x[t, :, 0])
        else:
            random.to_float64(words[start % 4 :], x[t, :, 0])
        x[t, :, 1] = 0


@njit
def _mark(uniforms, first, x, target):
    """Mark one time step in each half of a sample, and add up the two marked values."""
    half = len(x) // 2
    for b in range(x.shape[1]):
        mark1 = int(uniforms[0, first + b] * half)
        mark2 = half + int(uniforms[1, first + b] * (len(x) - half))
        x[mark1, b, 1] = 1
        x[mark2, b, 1] = 1
        target[b, 0] = x[mark1, b, 0] + x[mark2, b, 0]
