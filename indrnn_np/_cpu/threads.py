"""Run compiled kernels and matrix products on one pool of Python threads; both release the GIL.

The threads of OpenBLAS are not used beside the pool, because they spin after a product and keep
other threads off their cores. Each thread of the pool therefore computes its products alone. Waking
a thread is slow, so a layer's pass hands over work once: `parallel_for` shares independent work;
`relay` and `in_turns` share work with a short serial section.

Pieces of work are independent ranges of samples, neurons or rows, so the bits of a kernel do not
depend on the number of threads. Products may differ in rounding, because BLAS chooses its kernels
by shape.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import ThreadpoolController, threadpool_limits

from .. import _check

GRAIN = 64  # pieces start at multiples of this many neurons or rows: whole cache lines and vectors
SMALL = 2**18  # elements; handing over a smaller piece of work costs more than it saves
ALONE = 2**13  # elements; BLAS computes products of arrays up to this size on one thread
AWAKE = 1e-3  # seconds that a thread spins before it sleeps until its turn

_chosen: list[int] = []  # the number of threads that `set_threads` set; empty before its first call


def threads() -> int:
    """Return the number of threads of kernels: set by `set_threads`, or this process's cores."""
    return _chosen[-1] if _chosen else _cores()


def set_threads(n: int) -> None:
    """Use `n` threads for kernels and for the matrix products of numpy's BLAS.

    Raises
    ------
    ValueError
        If n is below 1.
    """
    _check.at_least("set_threads", "n", n, 1)
    _chosen[:] = [int(n)]
    threadpool_limits(int(n))


def parallel_for(size: int, elements: int, kernel: Callable[[int, int], object], grain: int = GRAIN) -> None:
    """Call kernel(start, end) for pieces of range(size) on the threads of the pool.

    The number of threads suits `elements` elements of work. Pieces start at multiples of `grain`.
    During the call numpy's BLAS runs each product on the calling thread.
    """
    pieces = thread_count(elements, -(-size // grain))
    edges = [min(size, round(size * i / pieces / grain) * grain) for i in range(pieces)] + [size]
    spans = [(start, end) for start, end in itertools.pairwise(edges) if start < end]
    if spans:
        with _products_on_one_thread(elements):
            _run(kernel, spans)


def thread_count(elements: int, pieces: int) -> int:
    """Return the number of threads for `elements` elements of work in a number of pieces."""
    return max(1, min(threads(), 1 + _workers(), elements // SMALL, pieces))


def relay(
    count: int,
    n: int,
    elements: int,
    turn: Callable[[int], object],
    before: Callable[[int], object] | None = None,
    after: Callable[[int], object] | None = None,
) -> None:
    """Call turn(0), ..., turn(count - 1) in order, while other threads call `before` and `after`.

    Thread k of n processes the items k, k + n, ... For each item i it calls before(i), waits until
    the turn of item i - 1 has ended, and calls turn(i) and after(i). Threads rarely wait if turns
    are short. The thread of an item does not depend on timing.
    """
    done = [threading.Event() for _ in range(count if n > 1 else 0)]
    failed: list[bool] = []

    def runner(k: int, _: int) -> None:
        try:
            for i in range(k, count, n):
                if before is not None:
                    before(i)
                if done and i > 0:
                    _await(done[i - 1])
                if failed:
                    return
                turn(i)
                if done:
                    done[i].set()
                if after is not None:
                    after(i)
        except BaseException:
            failed.append(True)
            for event in done:  # no thread may wait for this one any longer
                event.set()
            raise

    with _products_on_one_thread(elements):
        _run(runner, [(k, k + 1) for k in range(n)])


def in_turns(n: int, elements: int, run: Callable[[int, np.ndarray], object]) -> None:
    """Call run(k, turns), compiled code that takes turns (turns.py), on n threads k at once."""
    turns = np.zeros(2, np.int64)  # the counter, and the flag of a failed thread

    def runner(k: int, _: int) -> None:
        try:
            run(k, turns)
        except BaseException:
            turns[1] = 1
            raise

    with _products_on_one_thread(elements):
        _run(runner, [(k, k + 1) for k in range(n)])


def _await(event: threading.Event) -> None:
    """Wait for the end of a turn; spin first, because waking a thread takes longer than a turn."""
    deadline = time.perf_counter() + AWAKE
    while not event.is_set():
        if time.perf_counter() > deadline:
            event.wait()
        else:
            time.sleep(0)


def _run(kernel: Callable[[int, int], object], spans: list[tuple[int, int]]) -> None:
    """Call the kernel for every span; the first call runs on this thread."""
    if len(spans) == 1:
        kernel(*spans[0])
        return
    pool = _pool(os.getpid())
    pool.keep_off_this_cpu()
    futures = [pool.submit(kernel, *span) for span in spans[1:]]
    try:
        kernel(*spans[0])
    finally:
        for future in futures:
            future.result()


class _Pool(ThreadPoolExecutor):
    """Threads that wait for work.

    A thread that wakes for a few milliseconds often starts on the CPU of the thread that woke it,
    and stays there while other CPUs idle. On a virtual machine two threads then took as long as
    one. Where the system allows it, the pool therefore runs on all CPUs of the process except the
    CPU of the thread that hands over work.
    """

    def __init__(self) -> None:
        self._ids: list[int] = []
        self._avoided: tuple[int, int] | None = None  # the avoided CPU, and the number of threads then
        super().__init__(
            _workers(), "indrnn_np", initializer=lambda: self._ids.append(threading.get_native_id())
        )
        # One pass at a time: the runners of a relay wait for each other, so each of them needs a
        # thread. Two concurrent passes would also restore each other's number of BLAS threads.
        self.turn = threading.RLock()

    def keep_off_this_cpu(self) -> None:
        """Keep the threads of the pool off the CPU that this thread runs on."""
        cpu = _current_cpu()
        if cpu is None or self._avoided == (cpu, len(self._ids)):
            return
        elsewhere = os.sched_getaffinity(0) - {cpu}
        if elsewhere:
            for thread in self._ids:
                # If the system forbids the call, the system places the thread.
                with contextlib.suppress(OSError):
                    os.sched_setaffinity(thread, elsewhere)
            self._avoided = cpu, len(self._ids)


@functools.cache
def _getcpu() -> Callable[[], int] | None:
    """Return the system's function that reports the CPU of the calling thread, if there is one."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    return getattr(ctypes.CDLL(None), "sched_getcpu", None)


def _current_cpu() -> int | None:
    """Return the CPU that runs this thread; None if the system does not report it."""
    getcpu = _getcpu()
    cpu = -1 if getcpu is None else getcpu()
    return cpu if cpu >= 0 else None


@contextlib.contextmanager
def _products_on_one_thread(elements: int) -> Iterator[None]:
    """Keep numpy's BLAS on the calling thread, where it stays by itself if the work is small.

    Setting the libraries directly is several times faster than threadpoolctl's `limit`.
    """
    if threads() == 1 or elements <= ALONE:
        yield
        return
    libraries = _blas().lib_controllers
    with _pool(os.getpid()).turn:
        before = [library.get_num_threads() for library in libraries]
        for library in libraries:
            library.set_num_threads(1)
        try:
            yield
        finally:
            for library, n in zip(libraries, before, strict=True):
                library.set_num_threads(n)


@functools.cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")


@functools.cache
def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _workers() -> int:
    """Return the number of threads in the pool."""
    return max(32, _cores())


@functools.cache
def _pool(process: int) -> _Pool:
    """Return the pool of a process; a forked process gets a new pool."""
    return _Pool()
