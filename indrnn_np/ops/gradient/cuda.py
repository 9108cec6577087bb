"""GPU twin of reference.py: sums of squares in three stages, each of them in float64 and in a fixed order.

    squares     up to PARTS threads, each adds every PARTS-th square
    fold        up to FOLD threads, each adds every FOLD-th of those sums
    finish      one thread adds what is left, and takes the root

Which thread adds what follows from P alone, so the bits do not depend on the GPU. To clip by the norm, no thread waits
for the number to reach the host: the factor is read where `finish` wrote it.
"""

from __future__ import annotations

import math

import numpy as np

from ... import _device
from ..._cuda import cuda, kernel, on_device
from ..._graph import result
from . import reference

PARTS, FOLD = 2**14, 2**7


def norm(g):
    """Twin of reference.norm."""
    on_device("gradient.norm", g=g)
    reference.check("gradient.norm", g)
    return result(_norm(g, math.inf), _first)


def clip_norm(g, limit):
    """Twin of reference.clip_norm."""
    on_device("gradient.clip_norm", g=g)
    reference.check("gradient.clip_norm", g, limit)
    found = _norm(g, limit)
    scale_kernel(g.size, g, found)
    return result(found, _first)


def clip_value(g, limit):
    """Twin of reference.clip_value."""
    on_device("gradient.clip_value", g=g)
    reference.check("gradient.clip_value", g, limit)
    clip_kernel(g.size, g, g.dtype.type(limit))


def _norm(g, limit):
    """On the GPU: the norm, and the factor that brings it to `limit` where it is above."""
    parts = _device.empty(min(PARTS, g.size), np.float64)
    sums = _device.empty(min(FOLD, parts.size), np.float64)
    found = _device.empty(2, np.float64)
    squares_kernel(parts.size, g, parts)
    fold_kernel(sums.size, parts, sums)
    finish_kernel(1, sums, float(limit), found)
    return found


def _first(found):
    return float(found[0])


@kernel("real[::1], float64[::1]", "gradient.squares")
def squares_kernel(g, parts):
    """parts[k]: the sum of g² over the elements k, k + parts.size, ..."""
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
    """sums[k]: the sum of the parts k, k + sums.size, ..."""
    k = cuda.grid(1)
    if k >= sums.size:
        return
    total = 0.0
    for i in range(k, parts.size, sums.size):
        total += parts[np.uint64(i)]
    sums[k] = total


@kernel("float64[::1], float64, float64[::1]", "gradient.finish")
def finish_kernel(sums, limit, result):
    """result: ‖g‖, and limit / ‖g‖ if that is below 1, else 1."""
    if cuda.grid(1) > 0:
        return
    total = 0.0
    for k in range(sums.size):
        total += sums[k]
    norm = math.sqrt(total)
    result[0], result[1] = norm, limit / norm if norm > limit else 1.0


@kernel("real[::1], float64[::1]", "gradient.scale")
def scale_kernel(g, result):
    """g ← g · factor; a factor of 1, also that of a norm of NaN, writes nothing."""
    i = cuda.grid(1)
    if i < g.size and result[1] != 1.0:
        g[i] *= g.dtype.type(result[1])


@kernel("real[::1], real", "gradient.clip")
def clip_kernel(g, limit):
    """g ← min(max(g, -limit), limit); NaN is neither above nor below."""
    i = cuda.grid(1)
    if i >= g.size:
        return
    if g[i] > limit:
        g[i] = limit
    elif g[i] < -limit:
        g[i] = -limit


def kernels():
    """Every kernel, in every variant."""
    return iter((squares_kernel, fold_kernel, finish_kernel, scale_kernel, clip_kernel))
