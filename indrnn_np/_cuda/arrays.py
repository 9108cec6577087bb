"""Arrays in GPU memory.

A DeviceArray is C-contiguous and has the few methods that layers use outside operations: shape, dtype, slices
along the first axis and reshape, but no arithmetic. There are no hidden transfers: `to_host()` copies to NumPy,
and `numpy.asarray(array)` is an error.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from .. import _check
from .._check import convert
from . import launch, target
from .launch import kernel
from .pool import POOL, Block
from .target import cuda


class DeviceArray:
    """C-contiguous array in GPU memory: `block`, and the byte of the block at which the array starts."""

    __slots__ = ("__weakref__", "_start", "block", "dtype", "shape")
    __array_ufunc__ = None  # NumPy operators raise TypeError
    in_gpu_memory = True

    def __init__(self, block: Block, start: int, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.block, self._start, self.shape, self.dtype = block, start, shape, dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    @property
    def flat(self) -> DeviceArray:
        """View with one axis."""
        return self.part(0, (self.size,), self.dtype)

    @property
    def numba(self) -> Any:
        """Numba array of the same memory, for kernels; the block keeps it, because numba takes long to make it."""
        key, views, stop = (self._start, self.shape, self.dtype), self.block.views, self._start + self.nbytes
        if key not in views:
            views[key] = (self.block.memory[self._start : stop].view(self.dtype).reshape(self.shape) if self.size
                          else cuda.device_array(self.shape, self.dtype))  # fmt: skip
        return views[key]

    @property
    def pointer(self) -> int:
        """Address in GPU memory, or in CPU memory in the simulator."""
        array = self.numba
        return array._ary.ctypes.data if target.SIMULATED else array.device_ctypes_pointer.value or 0

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, item: Any) -> DeviceArray:
        """Return a view, array[t] or array[t0:t1]."""
        row = math.prod(self.shape[1:]) * self.dtype.itemsize  # bytes
        if isinstance(item, slice) and item.step in (None, 1):
            start, stop, _ = item.indices(len(self))
            return self.part(start * row, (max(0, stop - start), *self.shape[1:]), self.dtype)
        if isinstance(item, (int, np.integer)):
            if not -len(self) <= item < len(self):
                raise IndexError(f"index {item} is out of range for shape {self.shape}")
            return self.part(int(item % len(self)) * row, self.shape[1:], self.dtype)
        return _check.fail("DeviceArray", f"the index is {item!r}", "an integer, or a slice without a step",
                           "because an array in GPU memory can only be sliced along its first axis",
                           error=TypeError)  # fmt: skip

    def reshape(self, *shape: Any) -> DeviceArray:
        """Return a view in another shape; one size may be -1."""
        sizes = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        if -1 in sizes:
            known = math.prod(n for n in sizes if n != -1)
            sizes = tuple(self.size // max(1, known) if n == -1 else n for n in sizes)
        if math.prod(sizes) != self.size:
            _check.fail("DeviceArray.reshape", f"the shape is {sizes}", f"one of {self.size} elements")
        return self.part(0, tuple(int(n) for n in sizes), self.dtype)

    def part(self, start: int, shape: tuple[int, ...], dtype: Any) -> DeviceArray:
        """Return a view that begins `start` bytes into this array."""
        return DeviceArray(self.block, self._start + start, tuple(shape), np.dtype(dtype))

    def to_host(self) -> np.ndarray:
        """Return a copy as a NumPy array, after the GPU has written it."""
        launch.refuse_recording("copied to the CPU")
        host = np.empty(self.size, self.dtype)
        if self.size:
            self.flat.numba.copy_to_host(host)
        return host.reshape(self.shape)

    def shares_memory(self, other: Any) -> bool:
        """Return whether two arrays overlap."""
        same_block = isinstance(other, DeviceArray) and other.block is self.block
        return (
            same_block
            and self._start < other._start + other.nbytes
            and other._start < self._start + self.nbytes
        )

    def same_start(self, other: DeviceArray) -> bool:
        """Return whether two arrays start at the same byte."""
        return other.block is self.block and self._start == other._start

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        return _check.fail("DeviceArray", "an array in the GPU's memory is used as a NumPy array", "array.to_host()",
                           "because the package never copies from the GPU implicitly", error=TypeError)  # fmt: skip

    def __reduce__(self) -> tuple[Any, ...]:
        return asarray, (self.to_host(),)  # copy.copy, copy.deepcopy and pickle

    def __repr__(self) -> str:
        return f"<array {self.shape} of {self.dtype} in the GPU's memory>"


def empty(shape: int | tuple[int, ...], dtype: Any) -> DeviceArray:
    """Return an uninitialised array in GPU memory; while a graph records, its memory is from the graph's pool."""
    shape, dtype = (shape,) if isinstance(shape, int) else tuple(int(n) for n in shape), np.dtype(dtype)
    pool = launch.recorder().pool if launch.recorder() else POOL
    return DeviceArray(pool.take(math.prod(shape) * dtype.itemsize), 0, shape, dtype)


def empty_like(array: DeviceArray) -> DeviceArray:
    """Return an uninitialised array with the shape and dtype of another."""
    return empty(array.shape, array.dtype)


def zeros(shape: int | tuple[int, ...], dtype: Any) -> DeviceArray:
    """Return an array of zeros in GPU memory."""
    array = empty(shape, dtype)
    fill_kernel(array.size, array.flat, array.dtype.type(0))
    return array


@kernel("real[::1], real")
def fill_kernel(out, value):  # type: ignore[no-untyped-def]
    """out[i] = value. A thread owns one element; it moves 1 word an element."""
    i = cuda.grid(1)
    if i < out.size:
        out[i] = value


def asarray(array: Any, dtype: Any = None) -> DeviceArray:
    """Return the array itself if it is in GPU memory, else a copy of the NumPy array."""
    if isinstance(array, DeviceArray):
        if dtype is not None and array.dtype != dtype:
            _check.fail("cuda.asarray", f"the array has dtype {array.dtype}", f"{np.dtype(dtype)}")
        return array
    host = convert.native(array, dtype)
    result = empty(host.shape, host.dtype)
    assign(result, host)
    return result


def assign(out: DeviceArray, array: Any) -> None:
    """Copy a NumPy array or an array in GPU memory into `out`, which has the same shape."""
    _check.shape("cuda.assign", "the array", array, out.shape, "to match the array in the GPU's memory")
    if isinstance(array, DeviceArray):
        _check.floats("cuda.assign", (out.dtype,), array=array)
        if out.size:
            destination, source = out.flat.numba, array.flat.numba
            launch.run(
                lambda stream: destination.copy_to_device(source, stream=stream), out, array, name="a copy"
            )
    elif out.size:  # flat, because numba checks strides even along an axis of size 1
        launch.refuse_recording("copied from the CPU")
        out.flat.numba.copy_to_device(convert.native(array, out.dtype).reshape(-1))


def ends_of(lengths: np.ndarray | None, T: int, B: int) -> DeviceArray:
    """Return the number of time steps of each sample, int64 (B,), in GPU memory."""
    return _ends(b"" if lengths is None else lengths.astype(np.int64).tobytes(), T, B)


@functools.lru_cache(maxsize=16)
def _ends(lengths: bytes, T: int, B: int) -> DeviceArray:
    return asarray(np.frombuffer(lengths, np.int64).copy() if lengths else np.full(B, T))
