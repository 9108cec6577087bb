"""A flag in GPU memory that stops the updates of a run after a value that is not finite.

A training run by graphs launches an iteration before the CPU has read the loss of the previous one. If that loss, its
gradient or an updated parameter is not finite, a kernel sets the flag on the GPU, and the kernels of later updates
leave parameters, moments and u as they are. So the CPU finds the same state as if it had read every loss at once.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from .arrays import DeviceArray, empty
from .launch import Kernel, device, kernel, recorder
from .reduction import LANES, column_sum, launch_columns
from .target import cuda


def stop_flag() -> DeviceArray:
    """Return the stop flag of the graph that is recording, int32 (1,); an empty array without one."""
    flag = getattr(recorder(), "stop", None)
    return no_flag() if flag is None else flag


@functools.cache
def no_flag() -> DeviceArray:
    """Return an empty array, for launches that no flag stops."""
    return empty(0, np.int32)


def stop_unless_finite(flag: DeviceArray, sums: DeviceArray) -> None:
    """Set the flag, int32 (1,), if the sum of float64 numbers (n,) is not finite."""
    launch_columns(watch_kernel, 1, sums.size, sums.flat, flag)


@device
def stopped(flag):  # type: ignore[no-untyped-def]
    """Return whether updates have stopped."""
    return flag.size > 0 and flag[0] != 0


@functools.cache
def watch_kernel(lanes: int) -> Kernel:
    """flag[0] = 1 if Σ sums is NaN or infinite. A group of threads owns the sum; 1 word a number."""

    @kernel("float64[::1], int32[::1]", f"stop_flag.watch[{lanes}]")
    def watch(sums, flag):  # type: ignore[no-untyped-def]
        lane = cuda.grid(1)
        if lane >= lanes:
            return
        shared = cuda.shared.array(lanes, np.float64)
        total = column_sum(sums, 0, 1, sums.size, lane, lanes, shared)
        if lane == 0 and not math.isfinite(total):
            flag[0] = 1

    return watch


def kernels() -> Iterator[Any]:
    """Yield every kernel, in every variant."""
    return map(watch_kernel, LANES)
