"""One pool of ordinary Python threads for compiled kernels and matrix products, since both release the GIL.

Not OpenBLAS's own threads beside others: after a product its workers wait by spinning, and take the core from
whoever works next. So where work is shared here, each thread runs its products by itself, and there is one pool. Work
is handed over rarely, once a pass through a layer: it takes long to wake a thread.

Pieces are ranges of samples, neurons or rows that do not depend on each other, so the bits of a kernel do not depend
on the number of threads; products may differ in rounding, as BLAS chooses its kernels by shape.
"""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from threadpoolctl import ThreadpoolController, threadpool_limits

from . import _check

GRAIN = 64  # pieces start at multiples of this many neurons or rows: whole cache lines, whole vectors
SMALL = 2**18  # elements of a thread's piece: for less, handing it over costs more than it saves

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


def over(size: int, elements: int, kernel: Callable[[int, int], object], grain: int = GRAIN) -> None:
    """Call kernel(start, end) for pieces of range(size), on as many threads as `elements` elements pay for.

    Pieces start at multiples of `grain`. While several threads work, numpy's BLAS runs each product on the one that
    calls it.
    """
    pieces = min(threads(), max(1, elements // SMALL), -(-size // grain))
    edges = [min(size, round(size * i / pieces / grain) * grain) for i in range(pieces)] + [size]
    spans = [(start, end) for start, end in itertools.pairwise(edges) if start < end]
    if len(spans) == 1:
        kernel(*spans[0])
    elif spans:
        with _blas().limit(limits=1):
            _run(kernel, spans)


def _run(kernel: Callable[[int, int], object], spans: list[tuple[int, int]]) -> None:
    """Call the kernel for every span, the first one on this thread."""
    others = [_pool(os.getpid()).submit(kernel, *span) for span in spans[1:]]
    try:
        kernel(*spans[0])
    finally:
        for other in others:
            other.result()


@functools.cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")


@functools.cache
def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@functools.cache
def _pool(process: int) -> ThreadPoolExecutor:
    """The waiting threads; a forked process gets a pool of its own."""
    return ThreadPoolExecutor(max_workers=max(32, _cores()), thread_name_prefix="indrnn_np")
