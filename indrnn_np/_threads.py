"""One pool of ordinary Python threads for compiled kernels and matrix products, since both release the GIL.

Not OpenBLAS's own threads beside others: after a product its workers wait by spinning, and take the core from
whoever works next. So where work is shared here, each thread runs its products by itself, and there is one pool. Work
is handed over once a pass through a layer, as it takes long to wake a thread: `over` shares what is independent,
`relay` and `in_turns` what hangs together by a short part only.

Pieces are ranges of samples, neurons or rows that do not depend on each other, so the bits of a kernel do not depend
on the number of threads; products may differ in rounding, as BLAS chooses its kernels by shape.
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

from . import _check, _turns

GRAIN = 64  # pieces start at multiples of this many neurons or rows: whole cache lines, whole vectors
SMALL = 2**18  # elements of a thread's piece: for less, handing it over costs more than it saves
ALONE = 2**13  # elements: products of arrays so small BLAS does by itself on one thread
AWAKE = 1e-3  # seconds that a thread waits for its turn before it sleeps

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

    Pieces start at multiples of `grain`. Meanwhile numpy's BLAS runs each product on the thread that calls it.
    """
    pieces = team(elements, -(-size // grain))
    edges = [min(size, round(size * i / pieces / grain) * grain) for i in range(pieces)] + [size]
    spans = [(start, end) for start, end in itertools.pairwise(edges) if start < end]
    if spans:
        with _products_on_one_thread(elements):
            _run(kernel, spans)


def team(elements: int, pieces: int) -> int:
    """How many threads `elements` elements of work in so many pieces pay for."""
    return max(1, min(threads(), 1 + _workers(), elements // SMALL, pieces))


def relay(
    count: int,
    n: int,
    elements: int,
    turn: Callable[[int], object],
    before: Callable[[int], object] | None = None,
    after: Callable[[int], object] | None = None,
) -> None:
    """Call turn(0), turn(1), ... turn(count - 1), one after another, with other threads at work in between.

    Thread k of n takes the items k, k + n, ...: for each it calls before(i), waits until turn(i - 1) is done, and
    calls turn(i) and after(i). Where a turn is short, a thread that comes to its own finds the one before it long
    done. Who does what does not depend on timing.
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
            for event in done:  # nobody may wait for this thread any more
                event.set()
            raise

    with _products_on_one_thread(elements):
        _run(runner, [(k, k + 1) for k in range(n)])


def in_turns(n: int, elements: int, run: Callable[[int, np.ndarray], object]) -> None:
    """Call run(k, turns) on n threads at once: compiled code, whose threads wait for each other's turns (_turns.py)."""
    turns = _turns.begin()

    def runner(k: int, _: int) -> None:
        try:
            run(k, turns)
        except BaseException:
            _turns.give_up(turns)
            raise

    with _products_on_one_thread(elements):
        _run(runner, [(k, k + 1) for k in range(n)])


def _await(event: threading.Event) -> None:
    """Wait for a turn that is about to end: awake at first, since to be woken takes longer than most turns."""
    deadline = time.perf_counter() + AWAKE
    while not event.is_set():
        if time.perf_counter() > deadline:
            event.wait()
        else:
            time.sleep(0)


def _run(kernel: Callable[[int, int], object], spans: list[tuple[int, int]]) -> None:
    """Call the kernel for every span, the first one on this thread."""
    if len(spans) == 1:
        kernel(*spans[0])
        return
    pool = _pool(os.getpid())
    pool.keep_off_this_cpu()
    others = [pool.submit(kernel, *span) for span in spans[1:]]
    try:
        kernel(*spans[0])
    finally:
        for other in others:
            other.result()


class _Pool(ThreadPoolExecutor):
    """The waiting threads.

    A thread that is woken for a few milliseconds often starts on the CPU of the one that woke it, and stays there while
    other CPUs idle: seen on a virtual machine, where two threads then took as long as one. So, where the system allows
    it, these threads may run on all CPUs of the process but the one that hands them work.
    """

    def __init__(self) -> None:
        self._ids: list[int] = []
        self._off: tuple[int, int] | None = None
        super().__init__(
            _workers(), "indrnn_np", initializer=lambda: self._ids.append(threading.get_native_id())
        )
        # One pass at a time: runners of a relay wait for each other, so all of them need a thread; and of two that
        # set BLAS's threads and set them back, the later one would keep what the other had set.
        self.turn = threading.RLock()

    def keep_off_this_cpu(self) -> None:
        """Keep the waiting threads off the CPU that this thread runs on."""
        cpu = _current_cpu()
        if cpu is None or self._off == (cpu, len(self._ids)):
            return
        elsewhere = os.sched_getaffinity(0) - {cpu}
        if elsewhere:
            for thread in self._ids:
                # A system may forbid it; the thread then runs where it is put.
                with contextlib.suppress(OSError):
                    os.sched_setaffinity(thread, elsewhere)
            self._off = cpu, len(self._ids)


@functools.cache
def _getcpu() -> Callable[[], int] | None:
    if not hasattr(os, "sched_setaffinity"):
        return None
    return getattr(ctypes.CDLL(None), "sched_getcpu", None)


def _current_cpu() -> int | None:
    """The CPU that this thread runs on at the moment; None where the system does not tell."""
    getcpu = _getcpu()
    cpu = -1 if getcpu is None else getcpu()
    return cpu if cpu >= 0 else None


@contextlib.contextmanager
def _products_on_one_thread(elements: int) -> Iterator[None]:
    """Keep numpy's BLAS on the thread that calls it, where there is work enough that it might wake its own.

    By hand, which is several times faster than threadpoolctl's `limit`.
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
    """Threads of the pool."""
    return max(32, _cores())


@functools.cache
def _pool(process: int) -> _Pool:
    """The pool of this process; a forked one gets a pool of its own."""
    return _Pool()
