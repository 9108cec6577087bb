"""Arrays that start on a cache line: vectors of 64 bytes then lie in one line each, not across two.

NumPy's own large arrays start 16 bytes into a page, and the memory-bound kernels are slower on them. They take
any array; those that the package makes itself are made here.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

LINE = 64  # bytes


def empty(shape: int | tuple[int, ...], dtype: Any) -> np.ndarray:
    """A C-contiguous array, contents undefined."""
    shape, dtype = (shape,) if isinstance(shape, int) else shape, np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    memory = np.empty(size + LINE, np.uint8)
    start = -memory.ctypes.data % LINE
    return memory[start : start + size].view(dtype).reshape(shape)


def room(work: Any, name: str, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """The workspace's array of that name, or a fresh one if there is no workspace; contents undefined."""
    return empty(shape, dtype) if work is None else work.array(name, shape, dtype)


def empty_like(array: np.ndarray) -> np.ndarray:
    """An array of that shape and dtype, contents undefined."""
    return empty(array.shape, array.dtype)


def aligned(array: np.ndarray) -> np.ndarray:
    """A copy of the array that starts on a cache line."""
    copy = empty_like(array)
    copy[...] = array
    return copy


def zeros(shape: int | tuple[int, ...], dtype: Any) -> np.ndarray:
    """An array of zeros."""
    array = empty(shape, dtype)
    array[...] = 0
    return array
