"""Memory pools for arrays on the GPU.

The memory of a deleted array returns to its pool and is reused for the next array of the same size. Reuse is
safe: kernels run in stream order, so the previous reader has finished.
"""

from __future__ import annotations

import math
import weakref
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

from . import recording

GRAIN = 512  # bytes: sizes are rounded up, so that arrays of similar size can reuse a block


class Pool:
    """Blocks of GPU memory, which are kept for reuse after their arrays are deleted.

    Attributes
    ----------
    allocations : int
        Number of allocations from the driver.
    live, peak : int
        Current and largest number of bytes in use.
    """

    def __init__(self) -> None:
        self.allocations = self.live = self.peak = 0
        self._free: dict[int, list[Any]] = defaultdict(list)

    def take(self, nbytes: int) -> Block:
        """Return a block of at least `nbytes` bytes."""
        size = max(GRAIN, -(-nbytes // GRAIN) * GRAIN)
        free = self._free[size]
        raw, views = free.pop() if free else (self._allocate(size), {})
        self.live += size
        self.peak = max(self.peak, self.live)
        block = Block(raw, views, self)
        weakref.finalize(block, self._give_back, size, raw, views).atexit = False
        return block

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
        self._free.clear()

    @property
    def held(self) -> int:
        """Bytes that are held but not in use."""
        return sum(size * len(blocks) for size, blocks in self._free.items())

    def _give_back(self, size: int, raw: Any, views: dict[Any, Any]) -> None:
        self.live -= size
        self._free[size].append((raw, views))

    def _allocate(self, size: int) -> Any:
        from .target import cuda

        self.allocations += 1
        try:
            return cuda.device_array(size, np.uint8)
        except Exception as error:
            if "OUT_OF_MEMORY" not in str(error):
                raise
        self.clear()
        try:
            return cuda.device_array(size, np.uint8)
        except Exception as error:
            if "OUT_OF_MEMORY" not in str(error):
                raise
            self._fail(size, error)

    def _fail(self, size: int, error: Exception) -> None:
        from .target import memory

        needed, free, total, live = (f"{(n or 0) / 2**20:.0f} MiB" for n in (size, *memory(), self.live))
        because = f"of {total} on the GPU, with {live} used by arrays of this program"
        message = f"cuda: an array needs {needed}, expected at most {free}, {because}"
        raise MemoryError(f"{message}; a smaller batch or fewer steps would fit") from error


class Block:
    """Block of GPU memory, which lives as long as an array that refers to it."""

    __slots__ = ("__weakref__", "pool", "raw", "views")

    def __init__(self, raw: Any, views: dict[Any, Any], pool: Pool) -> None:
        self.raw, self.views, self.pool = raw, views, pool

    def view(self, start: int, shape: tuple[int, ...], dtype: np.dtype) -> Any:
        """Return a numba array that starts `start` bytes into the block; cached, because numba is slow."""
        key = (start, shape, dtype)
        if key not in self.views and 0 in shape:
            from .target import cuda

            self.views[key] = cuda.device_array(shape, dtype)
        elif key not in self.views:
            stop = start + math.prod(shape) * dtype.itemsize
            self.views[key] = self.raw[start:stop].view(dtype).reshape(shape)
        return self.views[key]


POOL = Pool()


def take(nbytes: int) -> Block:
    """Return a block from POOL, or from the pool of the recording graph."""
    graph = recording.current()
    return (POOL if graph is None else graph.pool).take(nbytes)
