"""Compile kernels from functions of one thread, and launch them."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _check
from . import recording, simulator
from .arrays import DeviceArray, asarray
from .target import LARGEST_BLOCK, SIMULATED, WARP, cuda, multiprocessors

BLOCKS_PER_SM = 2  # minimum before blocks grow, so that no multiprocessor is idle


def block_size(threads: int) -> int:
    """Return the threads of a block, at most 256: small blocks until every multiprocessor has work."""
    size = WARP
    while size < LARGEST_BLOCK and threads >= 2 * size * BLOCKS_PER_SM * multiprocessors():
        size *= 2
    return size


class Kernel:
    """Compiled kernel with the types of its arguments.

    Parameters
    ----------
    function : callable
        Function of one thread.
    signature : str
        Argument types in numba's notation, where `real` stands for float32 or float64:
        "real[:,::1], real[::1], int64". Without a GPU, the kernel is compiled for these types.
    name : str
        Name of the kernel.
    """

    def __init__(self, function: Callable[..., None], signature: str, name: str) -> None:
        self.function, self.signature, self.name = function, signature, name
        self.compiled = cuda.jit(function)

    def __call__(self, threads: int, *args: Any) -> None:
        """Run the kernel on threads 0 to threads - 1; 0 threads launch nothing."""
        if threads:
            size = block_size(threads)
            self.launch(-(-threads // size), size, *args, around=in_turn)

    def launch(self, grid: Any, block: Any, *args: Any, around: Any = contextlib.nullcontext) -> None:
        """Run the kernel on a grid of blocks, inside the context manager `around()`."""
        arguments = [a.numba if isinstance(a, DeviceArray) else a for a in args]

        def start(stream: Any) -> None:
            with around():
                self.compiled[grid, block, stream](*arguments)

        recording.run(start, *args)

    def __repr__(self) -> str:
        return f"<kernel {self.name}({self.signature})>"


in_turn = simulator.in_turn if SIMULATED else contextlib.nullcontext
if SIMULATED:
    simulator.start_one_by_one()


def kernel(signature: str, name: str | None = None) -> Callable[[Callable[..., None]], Kernel]:
    """Decorate a function of one thread as a Kernel; `cuda.grid(1)` is the number of the thread."""
    return lambda function: Kernel(function, signature, name or function.__name__)


def device(function: Callable[..., Any]) -> Any:
    """Decorate a function that kernels call; of a function compiled for the CPU, take its source."""
    return cuda.jit(device=True)(getattr(function, "py_func", function))


@device
def _lesser(a, b):  # type: ignore[no-untyped-def]
    return b if b < a else a


@device
def _greater(a, b):  # type: ignore[no-untyped-def]
    return b if b > a else a


# min and max of two integers in kernels: numba's built-in target does not compile its own (numba 0.68).
lesser, greater = (min, max) if SIMULATED else (_lesser, _greater)


def on_device(where: str, **arrays: Any) -> None:
    """Check that all arrays are in GPU memory and not complex; None is skipped."""
    for name, value in arrays.items():
        if value is None:
            continue
        if not isinstance(value, DeviceArray):
            because = "because the backend is 'cuda'; backend.get('cuda').device.asarray(array) copies one to the GPU"
            _check.fail(where, f"{name} is a {type(value).__name__}", "an array in the GPU's memory", because,
                        error=TypeError)  # fmt: skip
        if value.dtype.kind == "c":
            _check.fail(where, f"{name} has dtype {value.dtype}", "float32 or float64")


def ends_of(lengths: np.ndarray | None, T: int, B: int) -> DeviceArray:
    """Return the number of steps of each sample, int64 (B,), in GPU memory."""
    return _ends(b"" if lengths is None else lengths.astype(np.int64).tobytes(), T, B)


@functools.lru_cache(maxsize=16)
def _ends(lengths: bytes, T: int, B: int) -> DeviceArray:
    return asarray(np.frombuffer(lengths, np.int64).copy() if lengths else np.full(B, T))
