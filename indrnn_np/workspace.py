"""Buffers that are used again, so that training allocates nothing large after its second iteration."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from . import _arrays


class Workspace:
    """Arrays by name, each valid until its name is asked for again.

    A buffer grows to the largest size that was asked for and is then only cut to shape, so batches of
    changing size cost nothing.
    """

    def __init__(self) -> None:
        self._buffers: dict[tuple[str, np.dtype], Any] = {}

    def array(
        self, name: str, shape: tuple[int, ...], dtype: Any, empty: Callable[..., Any] = _arrays.empty
    ) -> Any:
        """A C-contiguous array of that shape; what it holds is undefined. `empty` makes a new buffer."""
        size, key = math.prod(shape), (name, np.dtype(dtype))
        buffer = self._buffers.get(key)
        if buffer is None or buffer.size < size:
            buffer = self._buffers[key] = empty((size,), dtype)
        return buffer[:size].reshape(shape)

    @property
    def nbytes(self) -> int:
        """Bytes held by all buffers."""
        return sum(buffer.nbytes for buffer in self._buffers.values())

    def __repr__(self) -> str:
        return f"<Workspace: {len(self._buffers)} buffers, {self.nbytes / 2**20:.1f} MiB>"
