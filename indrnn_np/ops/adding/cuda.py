"""CUDA twin of reference.py: one kernel draws the values, a second one marks the samples.

Each thread computes its own counter block of 4 words and uses one or two of them. This takes less
time than writing x, and the same code draws any range of samples.
"""

from __future__ import annotations

import functools

import numpy as np

from ..._cuda import arrays
from ..._cuda.launch import kernel
from ..._cuda.target import cuda
from ..random import cuda as random
from . import contract


def draw(key, steps, size, dtype="float32", first=0, count=None):
    """Twin of reference.draw."""
    dtype, key_of_markers, count = contract.check("adding.draw", key, steps, size, dtype, first, count)
    x, target = arrays.empty((steps, count, 2), dtype), arrays.empty((count, 1), dtype)
    words, words_of_markers = (random.key_words("adding.draw", k) for k in (key, key_of_markers))
    values_kernel(dtype.name)(steps * count, *words, size, first, count, x.flat)
    mark_kernel(count, *words_of_markers, steps, size, first, count, x.flat, target.flat)
    return x, target


@functools.cache
def values_kernel(dtype):
    """x[t, b] = (number t · size + first + b of the stream, 0). A thread owns one x[t, b]; it writes 2 words."""
    number = random.uniform32 if dtype == "float32" else random.uniform64

    @kernel(f"uint64, uint64, uint64, int64, int64, int64, {dtype}[::1]", f"adding.values[{dtype}]")
    def values(seed, stream, iteration, size, first, count, x):
        n = cuda.grid(1)
        if 2 * n >= x.size:
            return
        samples_outside = first + n // count * (size - count)
        x[np.uint64(2 * n)] = number(n + samples_outside, seed, stream, iteration)
        x[np.uint64(2 * n + 1)] = 0

    return values


@kernel("uint64, uint64, uint64, int64, int64, int64, int64, real[::1], real[::1]", "adding.mark")
def mark_kernel(seed, stream, iteration, steps, size, first, count, x, target):
    """Mark one time step in each half of a sample, and add up the two marked values. A thread owns one sample."""
    b = cuda.grid(1)
    if b >= count:
        return
    half = steps // 2
    mark1 = np.int64(random.uniform64(first + b, seed, stream, iteration) * half)
    mark2 = half + np.int64(random.uniform64(size + first + b, seed, stream, iteration) * (steps - half))
    p, q = 2 * (mark1 * count + b), 2 * (mark2 * count + b)
    x[np.uint64(p + 1)] = 1
    x[np.uint64(q + 1)] = 1
    target[b] = x[np.uint64(p)] + x[np.uint64(q)]


def kernels():
    """Yield every kernel, in every variant."""
    return iter((values_kernel("float32"), values_kernel("float64"), mark_kernel))
