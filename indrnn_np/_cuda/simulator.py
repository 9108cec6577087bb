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


def start_one_by_one() -> None:
    """Start simulated threads one after another, each up to its first barrier, without warnings of NumPy.

    Two threads that create a shared array at the same moment would get two arrays. A list of recorded warnings may not
    grow while another thread reads it.
    """
    thread = importlib.import_module("numba.cuda.simulator.kernel").BlockThread
    run = thread.run

    def start(self: Any) -> None:
        threading.Thread.start(self)
        while self.is_alive() and not self.syncthreads_blocked:
            time.sleep(0)

    def run_quietly(self: Any) -> None:
        with np.errstate(all="ignore"):
            run(self)

    thread.start, thread.run = start, run_quietly
