"""The pools that the memory of arrays on the GPU comes from.

Memory of an array that is gone goes back to its pool and is given to the next one of that size. All kernels run one
after another in one stream, so whoever gets it writes after the last one has read.
"""

from __future__ import annotations

import math
import weakref
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

from . import _recording

GRAIN = 512  # bytes: sizes are rounded up, so that arrays of nearly one size share their memory


class Pool:
    """Blocks of the GPU's memory, kept when their arrays are gone.

    After some use: allocations, how often the GPU was asked for memory; live, bytes in use; peak, the most of them.
    """

    def __init__(self) -> None:
        self.allocations = self.live = self.peak = 0
        self._free: dict[int, list[Any]] = defaultdict(list)

    def take(self, nbytes: int) -> Block:
        """A block of at least that many bytes."""
        size = max(GRAIN, -(-nbytes // GRAIN) * GRAIN)
        free = self._free[size]
        raw, views = free.pop() if free else (self._allocate(size), {})
        self.live += size
        self.peak = max(self.peak, self.live)
        block = Block(raw, views, self)
        weakref.finalize(block, self._give_back, size, raw, views).atexit = False
        return block

    def peak_of(self, function: Callable[[], Any]) -> int:
        """The most bytes that arrays made inside `function` take at once."""
        before, outer, self.peak = self.live, self.peak, self.live
        try:
            function()
            return self.peak - before
        finally:
            self.peak = max(self.peak, outer)

    def clear(self) -> None:
        """Give the memory that no array uses back to the GPU."""
        self._free.clear()

    @property
    def held(self) -> int:
        """Bytes that no array uses."""
        return sum(size * len(blocks) for size, blocks in self._free.items())

    def _give_back(self, size: int, raw: Any, views: dict[Any, Any]) -> None:
        self.live -= size
        self._free[size].append((raw, views))

    def _allocate(self, size: int) -> Any:
        from ._cuda import cuda

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
        from ._cuda import memory

        free, total = memory()
        mib = [f"{(n or 0) / 2**20:.0f} MiB" for n in (size, free, total, self.live)]
        used = f"with {mib[3]} used by arrays of this program"
        because = f"of {mib[2]} on the GPU, {used}; a smaller batch or fewer steps would fit"
        raise MemoryError(f"cuda: an array needs {mib[0]}, expected at most {mib[1]}, {because}") from error


class Block:
    """A piece of the GPU's memory: it lives as long as an array that looks at it."""

    __slots__ = ("__weakref__", "pool", "raw", "views")

    def __init__(self, raw: Any, views: dict[Any, Any], pool: Pool) -> None:
        self.raw, self.views, self.pool = raw, views, pool

    def view(self, start: int, shape: tuple[int, ...], dtype: np.dtype) -> Any:
        """numba's array of that shape, `start` bytes into the block; made once, since numba takes long for it."""
        key = (start, shape, dtype)
        if key not in self.views and 0 in shape:
            from ._cuda import cuda

            self.views[key] = cuda.device_array(shape, dtype)
        elif key not in self.views:
            stop = start + math.prod(shape) * dtype.itemsize
            self.views[key] = self.raw[start:stop].view(dtype).reshape(shape)
        return self.views[key]


POOL = Pool()


def take(nbytes: int) -> Block:
    """A block of the pool that is in use: POOL, or that of a graph that records."""
    graph = _recording.current()
    return (POOL if graph is None else graph.pool).take(nbytes)
