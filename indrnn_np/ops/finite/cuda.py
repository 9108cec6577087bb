"""GPU twin of reference.py: each thread looks at every THREADS-th element, up to its first hit; the lowest hit is kept.

The lowest of whole numbers is the same in whatever order they come. The loads of AHEAD elements are under way together;
beyond the end of the array the last element is looked at again.
"""

from __future__ import annotations

import math

import numpy as np

from ... import _device
from ..._cuda import cuda, kernel, lesser, on_device
from ..._graph import result
from . import reference

THREADS = 2**16
AHEAD = 8  # elements whose loads are under way


def first(a):
    """Twin of reference.first."""
    on_device("finite.first", a=a)
    reference.check("finite.first", a)
    found = _device.empty(1, np.int64)
    start_kernel(1, a.size, found)
    search_kernel(min(THREADS, a.size), a.reshape(-1), min(THREADS, a.size), found)
    return result(found, lambda place: int(place[0]) if place[0] < a.size else -1)


@kernel("int64, int64[::1]", "finite.start")
def start_kernel(size, found):
    """No hit yet."""
    if cuda.grid(1) == 0:
        found[0] = size


@kernel("real[::1], int64, int64[::1]", "finite.search")
def search_kernel(a, stride, found):
    """found[0] = the lowest index of a NaN or Inf, at most the one that stands there."""
    i = cuda.grid(1)
    if i >= stride:
        return
    for start in range(i, a.size, AHEAD * stride):
        hit = a.size
        for k in range(AHEAD - 1, -1, -1):
            j = lesser(start + k * stride, a.size - 1)
            if not math.isfinite(a[np.uint64(j)]):
                hit = j
        if hit < a.size:
            cuda.atomic.min(found, 0, hit)
            return


def kernels():
    """Every kernel, in every variant."""
    return iter((start_kernel, search_kernel))
