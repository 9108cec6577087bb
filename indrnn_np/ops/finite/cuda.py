"""CUDA twin of reference.py: each thread searches every THREADS-th element; the lowest index is the result.

The minimum of integers does not depend on the order of the threads. The loads of AHEAD elements are
in flight together. Beyond the end of the array, a thread reads the last element again.
"""

from __future__ import annotations

import math

import numpy as np

from ..._cuda import arrays
from ..._cuda.graph import result
from ..._cuda.launch import kernel, lesser, on_device
from ..._cuda.stop_flag import stop_flag
from ..._cuda.target import cuda
from . import contract

THREADS = 2**16
AHEAD = 8  # elements whose loads are in flight


def first(a):
    """Twin of reference.first."""
    on_device("finite.first", a=a)
    contract.check("finite.first", a)
    lowest = arrays.empty(1, np.int64)
    start_kernel(1, a.size, lowest)
    search_kernel(min(THREADS, a.size), a.flat, min(THREADS, a.size), lowest, stop_flag())
    return result(lowest, lambda index: int(index[0]) if index[0] < a.size else -1)


@kernel("int64, int64[::1]", "finite.start")
def start_kernel(size, lowest):
    """Set lowest[0] to the size of the array, which means that all elements are finite."""
    if cuda.grid(1) == 0:
        lowest[0] = size


@kernel("real[::1], int64, int64[::1], int32[::1]", "finite.search")
def search_kernel(a, stride, lowest, stop):
    """lowest[0] = the lowest index of a NaN or Inf, which sets the stop flag of a graph.

    A thread owns every stride-th element; 1 word an element.
    """
    i = cuda.grid(1)
    if i >= stride:
        return
    for start in range(i, a.size, AHEAD * stride):
        index = a.size
        for k in range(AHEAD - 1, -1, -1):
            j = lesser(start + k * stride, a.size - 1)
            if not math.isfinite(a[np.uint64(j)]):
                index = j
        if index < a.size:
            cuda.atomic.min(lowest, 0, index)
            if stop.size > 0:
                cuda.atomic.max(stop, 0, 1)
            return


def kernels():
    """Yield every kernel, in every variant."""
    return iter((start_kernel, search_kernel))
