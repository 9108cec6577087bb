"""Arrays in the GPU's memory.

A DeviceArray is C-contiguous and can do what the layers ask of an array around the operations: its shape and dtype,
slices along the first axis, reshape, and nothing that computes. It has no hidden transfer: `to_host()` copies it to
NumPy, `numpy.asarray(array)` is an error. Its memory comes from a pool (_pool.py).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import _check, _pool, _recording
from ._pool import Block


class DeviceArray:
    """A C-contiguous array in the GPU's memory."""

    __slots__ = ("__weakref__", "_block", "_start", "dtype", "shape")
    __array_ufunc__ = None  # NumPy's operators refuse it
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
        """The memory that the array is a part of."""
        return self._block

    @property
    def numba(self) -> Any:
        """numba's own array of the same memory: what kernels take."""
        return self._block.view(self._start, self.shape, self.dtype)

    @property
    def pointer(self) -> int:
        """Address in the GPU's memory (in the simulator: in the CPU's), for libraries that take one."""
        array = self.numba
        if hasattr(array, "_ary"):
            return array._ary.ctypes.data
        return array.device_ctypes_pointer.value or 0

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, item: Any) -> DeviceArray:
        """array[t], or array[t0:t1]: a view."""
        row = math.prod(self.shape[1:]) * self.dtype.itemsize
        if isinstance(item, slice):
            start, stop, step = item.indices(len(self))
            if step == 1:
                shape = (max(0, stop - start), *self.shape[1:])
                return DeviceArray(self._block, self._start + start * row, shape, self.dtype)
        elif isinstance(item, (int, np.integer)):
            if not -len(self) <= item < len(self):
                raise IndexError(f"index {item} is out of range for shape {self.shape}")
            return DeviceArray(
                self._block, self._start + int(item % len(self)) * row, self.shape[1:], self.dtype
            )
        because = "because an array in the GPU's memory is only cut along its first axis"
        return _check.fail(
            "DeviceArray", f"the index is {item!r}", "a step, or a slice of steps in order", because, error=TypeError
        )  # fmt: skip

    def reshape(self, *shape: Any) -> DeviceArray:
        """The same memory in another shape; -1 stands for what is left."""
        wanted = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        if -1 in wanted:
            known = math.prod(n for n in wanted if n != -1)
            wanted = tuple(self.size // max(1, known) if n == -1 else n for n in wanted)
        if math.prod(wanted) != self.size:
            _check.fail("DeviceArray.reshape", f"the shape is {wanted}", f"one of {self.size} elements")
        return DeviceArray(self._block, self._start, tuple(int(n) for n in wanted), self.dtype)

    def part(self, start: int, shape: tuple[int, ...], dtype: Any) -> DeviceArray:
        """A view that begins `start` bytes into this array."""
        return DeviceArray(self._block, self._start + start, tuple(shape), np.dtype(dtype))

    def to_host(self) -> np.ndarray:
        """A copy as a NumPy array; waits until the GPU has written it."""
        _none_recording("copied to the CPU")
        host = np.empty(self.size, self.dtype)
        if self.size:
            self.reshape(self.size).numba.copy_to_host(host)
        return host.reshape(self.shape)

    def shares_memory(self, other: Any) -> bool:
        """Do the two look at a common byte?"""
        if not isinstance(other, DeviceArray) or other._block is not self._block:
            return False
        return self._start < other._start + other.nbytes and other._start < self._start + self.nbytes

    def same_start(self, other: DeviceArray) -> bool:
        """Do the two begin at the same byte?"""
        return other._block is self._block and self._start == other._start

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        return _check.fail("DeviceArray", "an array in the GPU's memory is used as a NumPy array", "array.to_host()",
                           "because a copy from the GPU is never made unasked", error=TypeError)  # fmt: skip

    def __repr__(self) -> str:
        return f"<array {self.shape} of {self.dtype} in the GPU's memory>"


def empty(shape: int | tuple[int, ...], dtype: Any) -> DeviceArray:
    """An array in the GPU's memory, contents undefined."""
    shape, dtype = (shape,) if isinstance(shape, int) else tuple(int(n) for n in shape), np.dtype(dtype)
    return DeviceArray(_pool.take(math.prod(shape) * dtype.itemsize), 0, shape, dtype)


def empty_like(array: DeviceArray) -> DeviceArray:
    """An array of that shape and dtype, contents undefined."""
    return empty(array.shape, array.dtype)


def asarray(array: Any, dtype: Any = None) -> DeviceArray:
    """The array in the GPU's memory: itself if it is there, else a copy of the NumPy array."""
    if isinstance(array, DeviceArray):
        if dtype is not None and array.dtype != dtype:
            _check.fail("cuda.asarray", f"the array has dtype {array.dtype}", f"{np.dtype(dtype)}")
        return array
    host = np.ascontiguousarray(array, dtype)
    if host.ndim == 0:
        host = host.reshape(np.shape(array))
    result = empty(host.shape, host.dtype)
    assign(result, host)
    return result


def assign(out: DeviceArray, array: Any) -> None:
    """Copy an array of equal shape into `out`: a NumPy array, or one in the GPU's memory."""
    _check.shape("cuda.assign", "the array", array, out.shape, "to match the array in the GPU's memory")
    if isinstance(array, DeviceArray):
        _check.floats("cuda.assign", (out.dtype,), array=array)
        if out.size:
            to, source = out.reshape(out.size).numba, array.reshape(array.size).numba
            _recording.run(lambda stream: to.copy_to_device(source, stream=stream), out, array)
    elif out.size:  # flat: numba looks at strides, which mean nothing along an axis of one
        _none_recording("copied from the CPU")
        out.reshape(out.size).numba.copy_to_device(np.ascontiguousarray(array, out.dtype).reshape(-1))


def _none_recording(what: str) -> None:
    if _recording.current():
        because = "because while a graph records nothing runs, and the CPU's part is not repeated"
        _check.fail("cuda", f"an array is {what} while a graph records", "launches only", because,
                    error=RuntimeError)  # fmt: skip
