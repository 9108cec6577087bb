"""Make numba's CUDA simulator faster, and safe for kernels with barriers. A GPU does not use this module."""

from __future__ import annotations

import contextlib
import importlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np


@contextlib.contextmanager
def in_turn() -> Iterator[None]:
    """Run the threads of a block one after another in the simulator, instead of as Python threads.

    For kernels without barriers the result is the same, many times faster. As on a GPU, NaN and overflow do not warn.
    """
    simulator = importlib.import_module("numba.cuda.simulator.kernel")
    Dim3 = importlib.import_module("numba.cuda.simulator.kernelapi").Dim3
    threaded = simulator.BlockManager.run

    def run(block: Any, index: tuple[int, int, int], *args: Any) -> None:
        thread = threading.current_thread()
        thread.blockIdx = Dim3(*index)  # type: ignore[attr-defined]
        for x in range(block._block_dim[0]):
            thread.threadIdx = Dim3(x, 0, 0)  # type: ignore[attr-defined]
            block._f(*args)

    simulator.BlockManager.run = run
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        simulator.BlockManager.run = threaded


_users: dict[
    int, list[Any]
] = {}  # of the globals of a module: how many threads are inside, and what stood there before
_lock = threading.Lock()


@contextlib.contextmanager
def _swapped(function: Any, simulated: Any) -> Iterator[None]:
    """Put the simulated `cuda` in the place of numba's in the function's module, until the last thread has left it.

    numba restores it when the first thread has left, although another one may wait at a barrier in a function there.
    """
    names, cuda = function.__globals__, importlib.import_module("numba.cuda")
    with _lock:
        count, before = _users.get(id(names), (0, {}))
        before = before or {name: value for name, value in names.items() if value is cuda}
        _users[id(names)] = [count + 1, before]
        names.update(dict.fromkeys(before, simulated))
    try:
        yield
    finally:
        with _lock:
            _users[id(names)][0] -= 1
            if _users[id(names)][0] == 0:
                names.update(_users.pop(id(names))[1])


def start_one_by_one() -> None:
    """Start simulated threads one after another, each up to its first barrier, without warnings of NumPy.

    Two threads that create a shared array at the same moment would get two arrays. A list of recorded warnings may not
    grow while another thread reads it.
    """
    simulator: Any = importlib.import_module("numba.cuda.simulator.kernel")
    simulator.swapped_cuda_module = _swapped
    thread = simulator.BlockThread
    run = thread.run

    def start(self: Any) -> None:
        threading.Thread.start(self)
        while self.is_alive() and not self.syncthreads_blocked:
            time.sleep(0)

    def run_quietly(self: Any) -> None:
        with np.errstate(all="ignore"):
            run(self)

    thread.start, thread.run = start, run_quietly
