"""Launch functions of one thread on small arrays, and collect the kinds of findings."""

import numpy as np

from indrnn_np._cuda.launch import kernel

from . import findings, memory
from .faulty_kernels import N

TWO_ARRAYS = "float32[::1], float32[::1]"


def run(function, *arguments, signature=TWO_ARRAYS, grid=1, block=N):
    """Launch a function of one thread on arrays; return the kinds of findings and the emulated arrays."""
    arrays = [memory.to_device(a) if isinstance(a, np.ndarray) else a for a in arguments]
    kernel(signature, function.__qualname__)(function).launch(grid, block, *arrays)
    kinds = findings.kinds()
    findings.clear()
    return kinds, arrays


def output(size=N, dtype=np.float32):
    """Return an uninitialised emulated array."""
    return memory.device_array(size, dtype)


def to_host(array):
    return array.copy_to_host(np.empty(array.shape, array.dtype))
