"""Reusable buffers: training allocates no large array after its second iteration."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ._cpu import arrays


class Workspace:
    """Arrays by name, each valid until the next request for the same name.

    A buffer grows to the largest requested size, and smaller arrays are views of it, so batches of
    varying size need no allocation. A copy starts without buffers.

    Attributes
    ----------
    generation : int
        Number of forward passes that have used the workspace. The arrays belong to the latest pass.
    """

    def __init__(self) -> None:
        self._buffers: dict[tuple[str, np.dtype], Any] = {}
        self.generation = 0

    def array(
        self, name: str, shape: tuple[int, ...], dtype: Any, empty: Callable[..., Any] = arrays.empty
    ) -> Any:
        """Return an uninitialised C-contiguous array; `empty` allocates a new buffer."""
        size, key = math.prod(shape), (name, np.dtype(dtype))
        buffer = self._buffers.get(key)
        if buffer is None or buffer.size < size:
            buffer = self._buffers[key] = empty((size,), dtype)
        return buffer[:size].reshape(shape)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_buffers": {}}

    @property
    def nbytes(self) -> int:
        """Bytes held by all buffers."""
        return sum(buffer.nbytes for buffer in self._buffers.values())

    def __repr__(self) -> str:
        return f"<Workspace: {len(self._buffers)} buffers, {self.nbytes / 2**20:.1f} MiB>"
