"""Devices: the memory of the CPU or of the GPU, which holds the arrays of a backend.

A device creates arrays, copies them in and out, and reports its free memory.
`backend.get(name).device` is the device of a backend, `net.device` that of a network. The GPU's
device is in cuda_device.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import _check, _machine
from ._check import convert
from ._cpu import arrays


class Device:
    """The CPU, with NumPy arrays.

    Attributes
    ----------
    arrays : type
        Type of the arrays of the device.
    simulated : bool
        Whether kernels run as plain Python in numba's simulator.
    """

    arrays: type = np.ndarray
    simulated = False

    @property
    def recording(self) -> bool:
        """Whether a graph is recording launches."""
        return False

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Return a new uninitialised array on the device."""
        return arrays.empty(shape, dtype)

    def zeros(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Return a new array of zeros on the device."""
        return arrays.zeros(shape, dtype)

    def copy(self, array: Any) -> Any:
        """Return a copy of an array of the device."""
        copy = self.empty(array.shape, array.dtype)
        self.assign(copy, array)
        return copy

    def asarray(self, array: Any, dtype: Any = None) -> Any:
        """Convert an array to a C-contiguous array in native byte order on the device."""
        return convert.native(array, dtype)

    def bring(self, array: Any) -> Any:
        """Return the array itself if it is on the device, in any layout, else a copy on the device."""
        return array

    def to_host(self, array: Any) -> np.ndarray:
        """Return the array itself if it is a NumPy array, else a copy as a NumPy array."""
        return array

    def assign(self, out: Any, array: Any) -> None:
        """Copy an array of NumPy or of the device into `out` (same shape) and convert its dtype."""
        out[...] = array

    def synchronize(self) -> None:
        """Wait until the device has finished all its work."""

    def memory(self) -> tuple[int | None, str]:
        """Return the free memory in bytes (None if unknown), and the name of that limit."""
        return _machine.available_memory()

    def peak(self, function: Callable[[], Any]) -> int:
        """Return the peak memory in bytes of the arrays created inside `function`."""
        return _machine.peak_memory(function)

    def tf32(self, on: bool) -> None:
        """Switch float32 matrix products to TF32 or back; the CPU refuses TF32."""
        if on:
            _check.fail("backend", "tf32 is True", "False", "because only backend 'cuda' has it")

    def graph(self, stop: Any = None, **sources: Callable[[], Any]) -> Any:
        """Return an empty graph of launches (`Graph` in _cuda/graph.py); the CPU refuses it."""
        because = "because only backend 'cuda' records its launches"
        return _check.fail("backend", "graph is True", "False", because)
