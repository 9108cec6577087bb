"""Threads for compiled kernels: ordinary Python threads, since the kernels release the GIL.

Not numba's own parallel regions: their OpenMP workers spin beside OpenBLAS's and made the two fight for the
cores, their plain layer is not safe to call from several threads, and each parallel kernel takes three
times as long to compile. A piece of work handed to a waiting Python thread costs about 20 microseconds;
`over` keeps small work on the caller's thread.

Kernels are cut over neurons or over rows that do not depend on each other, so no bit depends on the number
of threads.
"""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from threadpoolctl import threadpool_limits

from . import _check

GRAIN = 64  # pieces start at multiples of this many neurons or rows: whole cache lines, whole vectors
SMALL = 2**17  # elements: below this, a second thread costs more than it saves

_chosen: list[int] = []


def threads() -> int:
    """The number of threads that kernels use: what `set_threads` chose, or the cores this process may run on."""
    return _chosen[-1] if _chosen else _cores()


def set_threads(n: int) -> None:
    """Use `n` threads from now on, for kernels and for the matrix products of numpy's BLAS.

    Raises
    ------
    ValueError
        If n is below 1.
    """
    _check.at_least("set_threads", "n", n, 1)
    _chosen[:] = [int(n)]
    threadpool_limits(int(n))


def over(size: int, elements: int, kernel: Callable[[int, int], object]) -> None:
    """Call kernel(start, end) for pieces of range(size), on as many threads as `elements` elements pay for."""
    pieces = min(threads(), max(1, 2 * elements // SMALL), -(-size // GRAIN))
    if pieces <= 1:
        kernel(0, size)
        return
    edges = [min(size, round(size * i / pieces / GRAIN) * GRAIN) for i in range(pieces)] + [size]
    spans = [(start, end) for start, end in itertools.pairwise(edges) if start < end]
    others = [_pool(os.getpid()).submit(kernel, *span) for span in spans[1:]]
    try:
        kernel(*spans[0])
    finally:
        for other in others:
            other.result()


@functools.cache
def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@functools.cache
def _pool(process: int) -> ThreadPoolExecutor:
    """The waiting threads; a forked process gets a pool of its own."""
    return ThreadPoolExecutor(max_workers=max(32, _cores()), thread_name_prefix="indrnn_np")
