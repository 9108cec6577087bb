"""Arrays in GPU memory.

A DeviceArray is C-contiguous and has the few methods that layers use outside operations: shape, dtype, slices
along the first axis and reshape, but no arithmetic. There are no hidden transfers: `to_host()` copies to NumPy,
and `numpy.asarray(array)` is an error. The memory comes from a pool (_cuda/pool.py).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _check
from .._check import convert
from . import pool, recording
from .pool import Block


class DeviceArray:
    """C-contiguous array in GPU memory."""

    __slots__ = ("__weakref__", "_block", "_start", "dtype", "shape")
    __array_ufunc__ = None  # NumPy operators raise TypeError
    in_gpu_memory = True

    def __init__(self, block: Block, start: int, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self._block, self._start, self.shape, self.dtype = block, start, shape, dtype

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
    def block(self) -> Block:
        """Memory block that contains the array."""
        return self._block

    @property
    def numba(self) -> Any:
        """Numba array of the same memory, for kernels."""
        return self._block.view(self._start, self.shape, self.dtype)

    @property
    def pointer(self) -> int:
        """Address in GPU memory, or in CPU memory in the simulator."""
        array = self.numba
        if hasattr(array, "_ary"):
            return array._ary.ctypes.data
        return array.device_ctypes_pointer.value or 0

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, item: Any) -> DeviceArray:
        """Return a view, array[t] or array[t0:t1]."""
        row = math.prod(self.shape[1:]) * self.dtype.itemsize
        if isinstance(item, slice):
            start, stop, step = item.indices(len(self))
            if step == 1:
                shape = (max(0, stop - start), *self.shape[1:])
                return DeviceArray(self._block, self._start + start * row, shape, self.dtype)
        elif isinstance(item, (int, np.integer)):
            if not -len(self) <= item < len(self):
                raise IndexError(f"index {item} is out of range for shape {self.shape}")
            start = self._start + int(item % len(self)) * row
            return DeviceArray(self._block, start, self.shape[1:], self.dtype)
        because = "because an array in GPU memory can only be sliced along its first axis"
        return _check.fail(
            "DeviceArray", f"the index is {item!r}", "an integer, or a slice without a step", because, error=TypeError
        )  # fmt: skip

    def reshape(self, *shape: Any) -> DeviceArray:
        """Return a view in another shape; one size may be -1."""
        new_shape = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        if -1 in new_shape:
            known = math.prod(n for n in new_shape if n != -1)
            new_shape = tuple(self.size // max(1, known) if n == -1 else n for n in new_shape)
        if math.prod(new_shape) != self.size:
            _check.fail("DeviceArray.reshape", f"the shape is {new_shape}", f"one of {self.size} elements")
        return DeviceArray(self._block, self._start, tuple(int(n) for n in new_shape), self.dtype)

    def part(self, start: int, shape: tuple[int, ...], dtype: Any) -> DeviceArray:
        """Return a view that begins `start` bytes into this array."""
        return DeviceArray(self._block, self._start + start, tuple(shape), np.dtype(dtype))

    def to_host(self) -> np.ndarray:
        """Return a copy as a NumPy array, after the GPU has written it."""
        _check_not_recording("copied to the CPU")
        host = np.empty(self.size, self.dtype)
        if self.size:
            self.reshape(self.size).numba.copy_to_host(host)
        return host.reshape(self.shape)

    def shares_memory(self, other: Any) -> bool:
        """Return whether two arrays overlap."""
        if not isinstance(other, DeviceArray) or other._block is not self._block:
            return False
        return self._start < other._start + other.nbytes and other._start < self._start + self.nbytes

    def same_start(self, other: DeviceArray) -> bool:
        """Return whether two arrays start at the same byte."""
        return other._block is self._block and self._start == other._start

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        return _check.fail("DeviceArray", "an array in the GPU's memory is used as a NumPy array", "array.to_host()",
                           "because the package never copies from the GPU implicitly", error=TypeError)  # fmt: skip

    def __reduce__(self) -> tuple[Any, ...]:
        return asarray, (self.to_host(),)  # copy.copy, copy.deepcopy and pickle

    def __repr__(self) -> str:
        return f"<array {self.shape} of {self.dtype} in the GPU's memory>"


def empty(shape: int | tuple[int, ...], dtype: Any) -> DeviceArray:
    """Return an uninitialised array in GPU memory."""
    shape, dtype = (shape,) if isinstance(shape, int) else tuple(int(n) for n in shape), np.dtype(dtype)
    return DeviceArray(pool.take(math.prod(shape) * dtype.itemsize), 0, shape, dtype)


def empty_like(array: DeviceArray) -> DeviceArray:
    """Return an uninitialised array with the shape and dtype of another."""
    return empty(array.shape, array.dtype)


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
            target, source = out.reshape(out.size).numba, array.reshape(array.size).numba
            recording.run(lambda stream: target.copy_to_device(source, stream=stream), out, array)
    elif out.size:  # flat, because numba checks strides even along an axis of size 1
        _check_not_recording("copied from the CPU")
        out.reshape(out.size).numba.copy_to_device(convert.native(array, out.dtype).reshape(-1))


def _check_not_recording(action: str) -> None:
    if recording.current():
        because = "because a graph records launches without running them, and does not repeat work of the CPU"
        _check.fail("cuda", f"an array is {action} while a graph records", "launches only", because,
                    error=RuntimeError)  # fmt: skip
