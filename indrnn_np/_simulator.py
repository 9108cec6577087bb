"""Numba's CUDA simulator, made faster and safe for kernels with barriers. Nothing here runs on a GPU."""

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
    """The simulator runs the threads of a block one after another, and not as so many threads of Python.

    For kernels without barriers that is the same, and many times faster. NaN and overflow warn nobody, as on a GPU.
    """
    simulator = importlib.import_module("numba.cuda.simulator.kernel")
    dimensions = importlib.import_module("numba.cuda.simulator.kernelapi").Dim3
    threaded = simulator.BlockManager.run

    def run(block: Any, place: tuple[int, int, int], *args: Any) -> None:
        thread = threading.current_thread()
        thread.blockIdx = dimensions(*place)  # type: ignore[attr-defined]
        for x in range(block._block_dim[0]):
            thread.threadIdx = dimensions(x, 0, 0)  # type: ignore[attr-defined]
            block._f(*args)

    simulator.BlockManager.run = run
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        simulator.BlockManager.run = threaded


def start_one_by_one() -> None:
    """Simulated threads start after one another, each up to its first barrier, and warn nobody.

    Two that asked for a shared array at the same moment would be given two arrays, and Python's list of warnings given
    may not grow while another thread reads it.
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
