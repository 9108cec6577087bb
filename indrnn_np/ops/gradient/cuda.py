"""CUDA twin of reference.py: sums of squares in three stages, each in float64 and in a fixed order.

    squares     up to PARTS threads; each adds every PARTS-th square
    fold        up to FOLD threads; each adds every FOLD-th of those sums
    finish      one thread adds these sums and computes the square root

The assignment of elements to threads depends on P alone, so the bits do not depend on the GPU.
Clipping by the norm does not wait for the host: the scaling kernel reads the factor that `finish`
wrote.
"""

from __future__ import annotations

import math

import numpy as np

from ..._cuda import arrays
from ..._cuda.graph import result
from ..._cuda.launch import kernel, on_device
from ..._cuda.stop_flag import no_flag, stopped
from ..._cuda.target import cuda
from . import contract

PARTS, FOLD = 2**14, 2**7


def norm(g):
    """Twin of reference.norm."""
    on_device("gradient.norm", g=g)
    contract.check("gradient.norm", g)
    return result(_norm(g, math.inf), _first)


def clip_norm(g, limit):
    """Twin of reference.clip_norm."""
    on_device("gradient.clip_norm", g=g)
    limit = contract.check_limit("gradient.clip_norm", g, limit)
    norm_and_factor = _norm(g, limit)
    scale_kernel(g.size, g, norm_and_factor)
    return result(norm_and_factor, _first)


def clip_value(g, limit):
    """Twin of reference.clip_value."""
    on_device("gradient.clip_value", g=g)
    limit = contract.check_limit("gradient.clip_value", g, limit)
    clip_kernel(g.size, g, g.dtype.type(limit), no_flag())


def _norm(g, limit):
    """Return, in GPU memory, the norm and the factor that scales a larger norm to `limit`."""
    parts = arrays.empty(min(PARTS, g.size), np.float64)
    sums = arrays.empty(min(FOLD, parts.size), np.float64)
    norm_and_factor = arrays.empty(2, np.float64)
    squares_kernel(parts.size, g, parts)
    fold_kernel(sums.size, parts, sums)
    finish_kernel(1, sums, float(limit), norm_and_factor)
    return norm_and_factor


def _first(norm_and_factor):
    return float(norm_and_factor[0])


@kernel("real[::1], float64[::1]", "gradient.squares")
def squares_kernel(g, parts):
    """parts[k] = Σ g² over the elements k, k + parts.size, ... A thread owns one part; 1 word an element of g."""
    k = cuda.grid(1)
    if k >= parts.size:
        return
    total = 0.0
    for i in range(k, g.size, parts.size):
        value = np.float64(g[np.uint64(i)])
        total += value * value
    parts[k] = total


@kernel("float64[::1], float64[::1]", "gradient.fold")
def fold_kernel(parts, sums):
    """sums[k] = Σ of the parts k, k + sums.size, ... A thread owns one sum; 1 word a part."""
    k = cuda.grid(1)
    if k >= sums.size:
        return
    total = 0.0
    for i in range(k, parts.size, sums.size):
        total += parts[np.uint64(i)]
    sums[k] = total


@kernel("float64[::1], float64, float64[::1]", "gradient.finish")
def finish_kernel(sums, limit, norm_and_factor):
    """norm_and_factor = ‖g‖, and limit / ‖g‖ if that is below 1, else 1. One thread adds all sums."""
    if cuda.grid(1) > 0:
        return
    total = 0.0
    for k in range(sums.size):
        total += sums[k]
    norm = math.sqrt(total)
    norm_and_factor[0], norm_and_factor[1] = norm, limit / norm if norm > limit else 1.0


@kernel("real[::1], float64[::1]", "gradient.scale")
def scale_kernel(g, norm_and_factor):
    """g ← factor · g. A thread owns one element; 2 words.

    If the factor is 1, as for a norm of NaN, nothing is written.
    """
    i = cuda.grid(1)
    if i < g.size and norm_and_factor[1] != 1.0:
        g[i] *= g.dtype.type(norm_and_factor[1])


@kernel("real[::1], real, int32[::1]", "gradient.clip")
def clip_kernel(g, limit, stop):
    """g ← min(max(g, -limit), limit); NaN stays NaN. A thread owns one element: 1 word, 2 where it is clipped."""
    i = cuda.grid(1)
    if i >= g.size or stopped(stop):
        return
    if g[i] > limit:
        g[i] = limit
    elif g[i] < -limit:
        g[i] = -limit


def kernels():
    """Yield every kernel, in every variant."""
    return iter((squares_kernel, fold_kernel, finish_kernel, scale_kernel, clip_kernel))
