"""The GPU as a device; numba.cuda is imported with this module."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._cuda import arrays as cuda_arrays
from ._cuda import graph as cuda_graph
from ._cuda import launch, products, target
from .device import Device


class CudaDevice(Device):
    """The GPU, with arrays of type `DeviceArray` (_cuda/arrays.py)."""

    arrays = cuda_arrays.DeviceArray
    simulated = target.SIMULATED
    empty = staticmethod(cuda_arrays.empty)
    zeros = staticmethod(cuda_arrays.zeros)
    asarray = staticmethod(cuda_arrays.asarray)
    bring = staticmethod(cuda_arrays.asarray)
    assign = staticmethod(cuda_arrays.assign)
    synchronize = staticmethod(target.synchronize)
    tf32 = staticmethod(products.tf32)
    graph = staticmethod(cuda_graph.Graph)
    peak = cuda_arrays.POOL.peak_of

    def __init__(self) -> None:
        target.require()

    def to_host(self, array: Any) -> np.ndarray:
        return array.to_host() if isinstance(array, self.arrays) else array

    def memory(self) -> tuple[int | None, str]:
        free, _ = target.memory()
        return (None if free is None else free + cuda_arrays.POOL.held), "the GPU"

    @property
    def recording(self) -> bool:
        return launch.recorder() is not None
