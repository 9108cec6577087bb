"""Arrays beyond 2^31 elements on a machine that cannot hold them, and launches of which some blocks run.

An array's element i is NUMBERS[i mod PERIOD]: the same pages of memory are mapped again and again. Of an array that a
kernel writes, only the touched pages exist. PERIOD is no power of 2, so a position that lost its high bits holds
another number.
"""

from __future__ import annotations

import ctypes
import os
from typing import Any

import numpy as np

from indrnn_np._cuda import arrays
from ptx.memory import SPARSE_BYTES

ALL_BLOCKS = 8  # of a small launch
PAGE = 4096
PERIOD = 4093 * 1024  # elements of float32
NUMBERS = np.random.default_rng(0).standard_normal(PERIOD).astype(np.float32)
PRIVATE_FIXED = 0x02 | 0x10  # MAP_PRIVATE, MAP_FIXED of Linux
READ_WRITE = 3

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]


class LargeLaunches:
    """Launches on large arrays: `settings.only_blocks` is set to `select`.

    Attributes
    ----------
    arguments : dict
        The arguments of the last launch of each kernel, by name.
    """

    def __init__(self) -> None:
        self.arguments: dict[str, tuple[Any, ...]] = {}
        self._threads: dict[str, np.ndarray] = {}
        self._file = os.memfd_create("numbers")
        os.write(self._file, NUMBERS.tobytes())

    def close(self) -> None:
        os.close(self._file)

    def select(
        self, name: str, blocks: int, block: tuple[int, int, int], arguments: tuple[Any, ...]
    ) -> list[int]:
        """Return up to ALL_BLOCKS blocks, else the first, one in the middle and the last two; note their threads."""
        some = (0, blocks // 2 + 1, blocks - 2, blocks - 1)
        chosen = list(some if blocks > ALL_BLOCKS else range(blocks))
        self.arguments[name] = arguments
        self._threads[name] = np.concatenate([np.arange(block[0]) + number * block[0] for number in chosen])
        return chosen

    def threads(self, name: str, limit: int) -> np.ndarray:
        """Return the numbers below `limit` of the threads that ran in the last launch of a kernel."""
        return self._threads[name][self._threads[name] < limit]

    def array(self, *shape: int) -> arrays.DeviceArray:
        """Return a large array of float32 with NUMBERS in it."""
        array = arrays.empty(shape, np.float32)
        start = array.block.memory.allocation.data.ctypes.data
        assert start % PAGE == 0 and array.nbytes > SPARSE_BYTES
        for offset in range(0, array.nbytes, NUMBERS.nbytes):
            size = min(NUMBERS.nbytes, -(-(array.nbytes - offset) // PAGE) * PAGE)
            mapped = _libc.mmap(start + offset, size, READ_WRITE, PRIVATE_FIXED, self._file, 0)
            assert mapped == start + offset
        return array


def small(*shape: int) -> arrays.DeviceArray:
    """Return a small array of float32."""
    return arrays.asarray(np.random.default_rng(1).standard_normal(shape).astype(np.float32))


def numbers(positions: Any) -> np.ndarray:
    """Return the elements of a large array at these positions."""
    return NUMBERS[np.asarray(positions, np.int64) % PERIOD]


def contents(array: Any) -> np.ndarray:
    """Return the emulated memory of an array, flat, without a copy."""
    array = getattr(array, "numba", array)
    return array.bytes_of(array.allocation.data).view(array.dtype)
