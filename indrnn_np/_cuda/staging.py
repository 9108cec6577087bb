"""Inputs of a graph: arrays in GPU memory that receive new values before each launch, without a wait for the GPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import target
from .arrays import DeviceArray, asarray, assign, empty

ROWS = 2  # copies that can be under way


class Input:
    """A fixed array in GPU memory, which a graph reads.

    A copy from ordinary memory waits for the GPU. So `assign` writes into one of ROWS arrays in pinned memory, and
    copies from there in stream order.
    """

    def __init__(self, values: Any, stream: Any) -> None:
        self.array = empty(values.shape, values.dtype)
        self._stream, self._count = stream, 0
        self._rows: list[np.ndarray] = []
        self._waits: list[Callable[[], None]] = []
        self.assign(values)

    def assign(self, values: Any) -> None:
        """Copy a NumPy array or an array in GPU memory into the array."""
        if isinstance(values, DeviceArray) or not values.size:
            assign(self.array, asarray(values))
            return
        turn = self._count % ROWS
        if len(self._rows) <= turn:
            self._rows.append(target.cuda.pinned_array(values.shape, values.dtype))
            self._waits.append(target.synchronize)
        else:
            self._waits[turn]()  # the copy from this memory has ended
        self._rows[turn][...] = values
        self.array.numba.copy_to_device(self._rows[turn], stream=self._stream)
        self._waits[turn] = target.end_of_work(self._stream)
        self._count += 1
