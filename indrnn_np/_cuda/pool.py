"""The pool that the memory of arrays comes from.

The memory of a deleted array returns to its pool and is reused for the next array of the same size. Reuse is
safe: kernels run in stream order, so the previous reader has finished. With INDRNN_CUDA_DEBUG sizes are not
rounded and memory is not reused, so an access outside of an array leaves its allocation, and new memory is full
of NaN.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

from . import target

ONES = 0xFF  # byte of a NaN of every floating-point dtype
GRANULARITY = 512  # bytes: sizes are rounded up, so that arrays of similar size can reuse a block


class Pool:
    """Blocks of GPU memory, which are kept for reuse after their arrays are deleted."""

    def __init__(self) -> None:
        self.allocations = 0  # by the driver
        self.live = self.peak = 0  # bytes in use, now and at most
        self.free: dict[int, list[tuple[Any, dict[Any, Any]]]] = defaultdict(list)

    def take(self, nbytes: int) -> Block:
        """Return a block of at least `nbytes` bytes."""
        size = max(1, nbytes) if target.DEBUG else max(GRANULARITY, -(-nbytes // GRANULARITY) * GRANULARITY)
        free = self.free[size]
        if not free:
            free.append((target.allocate(size, self.clear, self.live), {}))
            self.allocations += 1
            if target.DEBUG not in ("", "initcheck"):
                free[0][0].copy_to_device(np.full(size, ONES, np.uint8))
        memory, views = free.pop()
        self.live += size
        self.peak = max(self.peak, self.live)
        return Block(memory, views, self)

    def peak_of(self, function: Callable[[], Any]) -> int:
        """Return the peak memory in bytes of the arrays created inside `function`."""
        before, outer, self.peak = self.live, self.peak, self.live
        try:
            function()
            return self.peak - before
        finally:
            self.peak = max(self.peak, outer)

    def clear(self) -> None:
        """Return unused memory to the driver."""
        self.free.clear()

    @property
    def held(self) -> int:
        """Bytes that are held but not in use."""
        return sum(size * len(blocks) for size, blocks in self.free.items())


class Block:
    """Block of GPU memory with the numba arrays of its parts; the arrays that use it keep it alive."""

    __slots__ = ("memory", "pool", "views")

    def __init__(self, memory: Any, views: dict[Any, Any], pool: Pool) -> None:
        self.memory, self.views, self.pool = memory, views, pool

    def __del__(self) -> None:
        self.pool.live -= self.memory.nbytes
        if not target.DEBUG:
            self.pool.free[self.memory.nbytes].append((self.memory, self.views))


POOL = Pool()
