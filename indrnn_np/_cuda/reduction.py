"""The last step of a sum over many threads: add the partial sums in each column of an array.

A group of `lanes` threads, 1 or a warp, owns a column. Each thread of a warp adds every 32nd element, and the warp adds
its 32 sums as a tree. The order depends on the sizes alone, so two runs give equal bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .launch import Kernel, device
from .target import WARP, cuda

FEW = 8  # elements of a column that a single thread adds
LANES = (1, WARP)


def launch_columns(kernel_of: Callable[[int], Kernel], columns: int, elements: int, *args: Any) -> None:
    """Run kernel_of(lanes), with as many threads for each column as suit the number of elements in it."""
    if elements <= FEW:
        kernel_of(1)(columns, *args)
    elif columns:
        kernel_of(WARP).launch(columns, WARP, *args)


@device
def column_sum(array, p, stride, count, lane, lanes, shared):  # type: ignore[no-untyped-def]
    """Return array[p] + array[p + stride] + ... over `count` elements, in float64, to lane 0 of a group."""
    total = np.float64(0)
    for k in range(lane, count, lanes):
        total += array[np.uint64(p + k * stride)]
    if lanes == 1:  # the block has other groups, so it must not use shared memory
        return total
    shared[lane] = total
    others = lanes // 2
    while others > 0:
        cuda.syncthreads()
        if lane < others:
            total += shared[lane + others]
            shared[lane] = total
        others //= 2
    return total
