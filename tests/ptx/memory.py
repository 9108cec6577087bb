"""Emulated GPU memory: allocations with a shadow for the checks, and the arrays that stand in for numba's."""

from __future__ import annotations

import ctypes
import itertools
import math
import mmap
from collections.abc import Iterable
from typing import Any

import numpy as np

from . import settings
from .findings import Finding, record

ADDRESS_BITS = 40  # as in runtime.h: an address is the allocation's number and 40 bits of offset
SPARSE_BYTES = 2**28  # larger allocations hold only the pages that are used, and are not checked
CELL_BYTES = 64  # size of Cell in runtime.h
PADDING = 16  # bytes after an allocation, for a vector access that begins inside
_numbers = itertools.count(1)


class Allocation:
    """Bytes of emulated memory, and for each byte whether it was written."""

    def __init__(self, nbytes: int) -> None:
        self.number, self.nbytes = next(_numbers), nbytes
        self.written: np.ndarray | None = None
        self.cells: np.ndarray | None = None
        self.shift = 2  # a cell covers 2**shift bytes
        if nbytes > SPARSE_BYTES:
            self.data = _sparse(nbytes)
            return
        self.data = np.resize(_uninitialised(self.number), nbytes + PADDING)
        self.written = np.zeros(nbytes + PADDING, np.uint8)

    def watch(self, shift: int) -> None:
        """Make the cells in which launches note readers and writers, each for 2**shift bytes."""
        if self.written is not None and (self.cells is None or self.shift != shift):
            self.shift, self.cells = (
                shift,
                np.zeros(((self.nbytes >> shift) + PADDING) * CELL_BYTES, np.uint8),
            )


def _uninitialised(number: int) -> np.ndarray:
    """Return the bytes that new memory repeats: NaN in both dtypes for two of three seeds, else random bytes."""
    if settings.seed % 3 == 0:
        return np.frombuffer(b"\xa5\xa5\xa5\x7f\xa5\xa5\xf5\x7f", np.uint8)
    if settings.seed % 3 == 1:
        return np.full(8, 0xFF, np.uint8)
    return np.random.default_rng((settings.seed, number)).integers(0, 256, 4104, dtype=np.uint8)


def _sparse(nbytes: int) -> np.ndarray:
    no_reserve = 0x4000  # MAP_NORESERVE of Linux: the mapping may be larger than the machine's memory
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | no_reserve
    return np.frombuffer(mmap.mmap(-1, nbytes + PADDING, flags), np.uint8)


class Array:
    """C-contiguous array in emulated memory, with the methods of numba's DeviceNDArray that the package calls."""

    def __init__(self, allocation: Allocation, offset: int, shape: Iterable[int], dtype: Any) -> None:
        self.allocation, self.offset = allocation, offset
        self.shape, self.dtype = tuple(shape), np.dtype(dtype)
        self.ndim, self.size = len(self.shape), math.prod(self.shape)
        self.nbytes = self.size * self.dtype.itemsize

    @property
    def address(self) -> int:
        return (self.allocation.number << ADDRESS_BITS) + self.offset

    @property
    def device_ctypes_pointer(self) -> ctypes.c_void_p:
        return ctypes.c_void_p(self.address)

    @property
    def strides(self) -> list[int]:
        """Bytes from an element to the next along each axis."""
        return [math.prod(self.shape[axis + 1 :]) * self.dtype.itemsize for axis in range(self.ndim)]

    def __getitem__(self, item: slice) -> Array:
        start, stop, _ = item.indices(self.size)
        return Array(
            self.allocation, self.offset + start * self.dtype.itemsize, (max(0, stop - start),), self.dtype
        )

    def view(self, dtype: Any) -> Array:
        return Array(self.allocation, self.offset, (self.nbytes // np.dtype(dtype).itemsize,), dtype)

    def reshape(self, *shape: Any) -> Array:
        sizes = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        return Array(self.allocation, self.offset, sizes, self.dtype)

    def bytes_of(self, buffer: np.ndarray) -> np.ndarray:
        """Return this array's part of a buffer of its allocation: the data or the shadow."""
        return buffer[self.offset : self.offset + self.nbytes]

    def copy_to_host(self, host: np.ndarray, stream: Any = 0) -> np.ndarray:
        """Copy to a NumPy array; bytes that were never written are a finding."""
        if self.allocation.written is not None:
            missing = np.flatnonzero(self.bytes_of(self.allocation.written) == 0) // self.dtype.itemsize
            if missing.size:
                text = f"{len(set(missing))} of {self.size} elements of {self.shape} {self.dtype} were never written, "
                record(
                    Finding("uninitialised", "copy to the CPU", text + f"the first is element {missing[0]}")
                )
        host.reshape(-1).view(np.uint8)[:] = self.bytes_of(self.allocation.data)
        return host

    def copy_to_device(self, source: Any, stream: Any = 0) -> None:
        """Copy from a NumPy array, or from emulated memory together with the shadow."""
        emulated = isinstance(source, Array)
        data = source.bytes_of(source.allocation.data) if emulated else _bytes(source)
        self.bytes_of(self.allocation.data)[:] = data
        if self.allocation.written is not None:
            known = emulated and source.allocation.written is not None
            written = source.bytes_of(source.allocation.written) if known else 1
            self.bytes_of(self.allocation.written)[:] = written


def _bytes(host: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(host).reshape(-1).view(np.uint8)


def device_array(shape: int | tuple[int, ...], dtype: Any = np.float64) -> Array:
    """Return uninitialised memory, as `cuda.device_array` does."""
    sizes = (shape,) if isinstance(shape, int) else shape
    return Array(Allocation(math.prod(sizes) * np.dtype(dtype).itemsize), 0, sizes, dtype)


def to_device(host: np.ndarray) -> Array:
    """Return a copy in emulated memory, as `cuda.to_device` does."""
    array = device_array(host.shape, host.dtype)
    array.copy_to_device(host)
    return array
