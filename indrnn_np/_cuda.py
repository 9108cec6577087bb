"""The only place that imports numba.cuda: which of its forms is live, whether a GPU is there, and how kernels are made.

numba.cuda comes in three forms with one interface, and all kernels of the package run on each:

    numba-cuda          NVIDIA's package, what the extra `cuda` installs; it takes over the name numba.cuda
    built-in            the older target inside numba itself, where numba-cuda is not installed
    simulator           plain Python on the CPU, with NUMBA_ENABLE_CUDASIM=1 set before the start: how kernels are
                        tested where there is no GPU

numba-cuda 0.30 asks NumPy for a name that NumPy 2.5 no longer has; it is lent to it for the time of its import.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import warnings
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from . import _check, _recording, _simulator
from ._device import DeviceArray, asarray

SIMULATED = bool(numba.config.ENABLE_CUDASIM)
LEAST_CAPABILITY = (7, 5)  # the oldest that CUDA 13 compiles for
WARP = 32
LARGEST_BLOCK = 256
INTEGERS = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))  # of labels and ids
BLOCKS_PER_SM = 2  # at least, before blocks grow: a multiprocessor without a block is idle


def _load() -> Any:
    """numba.cuda, whichever form it has."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # numba-cuda 0.30 beside NumPy 2.5
        from numba import cuda

        lent = "row_stack"  # a name of NumPy's vstack, gone with NumPy 2.5
        if not SIMULATED and getattr(cuda, "implementation", "") == "NVIDIA" and not hasattr(np, lent):
            setattr(np, lent, np.vstack)
            try:
                importlib.import_module("numba.cuda.np.arrayobj")
            finally:
                delattr(np, lent)
    _be_quiet(cuda)
    return cuda


def _be_quiet(cuda: Any) -> None:
    """No warning for a launch of few blocks: small arrays are ours too. The variable of numba's name keeps its say."""
    name = "CUDA_LOW_OCCUPANCY_WARNINGS"
    if f"NUMBA_{name}" in os.environ:
        return
    for config in (numba.config, getattr(getattr(cuda, "core", None), "config", None)):
        if hasattr(config, name):
            setattr(config, name, 0)


cuda = _load()


def target() -> str:
    """Which form of numba.cuda is live: "simulator", "numba-cuda" or "built-in"."""
    if SIMULATED:
        return "simulator"
    return "numba-cuda" if getattr(cuda, "implementation", "") == "NVIDIA" else "built-in"


def available() -> bool:
    """Can kernels run here: on a GPU, or in the simulator?"""
    return not driver_problem()


def driver_problem() -> str:
    """Why there is no driver to be used, in numba's words; empty if there is one, and in the simulator."""
    if SIMULATED or cuda.is_available():
        return ""
    return " ".join(str(cuda.cuda_error() or "numba.cuda finds none").split()).partition(". ")[0]


def require() -> None:
    """Check that kernels can run here; RuntimeError says what is missing and what to install."""
    what, expected, because = problem()
    if what:
        _check.fail("backend 'cuda'", what, expected, because, error=RuntimeError)


def problem() -> tuple[str, str, str]:
    """What keeps kernels from running here, what was expected, and what to do; empty if nothing does."""
    if SIMULATED:
        return "", "", ""
    if said := driver_problem():
        return (
            f"no NVIDIA GPU can be used ({said})", "a GPU with a driver of series 580 or newer",
            "and pip install 'indrnn-np[cuda]'; without a GPU, NUMBA_ENABLE_CUDASIM=1 runs small cases in a simulator",
        )  # fmt: skip
    driver, toolkit = cuda.driver.driver.get_version(), cuda.runtime.get_version()
    if tuple(driver) < tuple(toolkit):
        return (
            f"the driver is of CUDA {_dotted(driver)}", f"at least {_dotted(toolkit)}",
            "because kernels are compiled with that toolkit; update the driver, or install an older toolkit",
        )  # fmt: skip
    capability = tuple(cuda.get_current_device().compute_capability)
    if capability < LEAST_CAPABILITY:
        return (
            f"the GPU has compute capability {_dotted(capability)}", f"at least {_dotted(LEAST_CAPABILITY)}",
            "because CUDA 13 compiles for no older one",
        )  # fmt: skip
    return "", "", ""


def describe() -> dict[str, str]:
    """The form of numba.cuda and the GPU in words, for `indrnn info`."""
    told = {"numba.cuda": target()}
    what, expected, because = problem()
    if what:
        return told | {"cuda": f"{what}, expected {expected} {because}"}
    if SIMULATED:
        return told | {"cuda": "kernels run as plain Python, for tests"}
    device = cuda.get_current_device()
    name = device.name.decode() if isinstance(device.name, bytes) else str(device.name)
    free, total = memory()
    return told | {
        "GPU": f"{name}, compute capability {_dotted(device.compute_capability)}, {multiprocessors()} multiprocessors",
        "GPU memory": f"{(free or 0) / 2**30:.3g} GiB free of {(total or 0) / 2**30:.3g} GiB",
        "driver": f"CUDA {_dotted(cuda.driver.driver.get_version())}",
        "toolkit": f"CUDA {_dotted(cuda.runtime.get_version())}",
    }


def _dotted(version: Any) -> str:
    return ".".join(str(part) for part in version)


@functools.cache
def multiprocessors() -> int:
    """Streaming multiprocessors of the GPU (the simulator: 1)."""
    return 1 if SIMULATED else int(cuda.get_current_device().MULTIPROCESSOR_COUNT)


def memory() -> tuple[int | None, int | None]:
    """Free and whole memory of the GPU in bytes; None in the simulator."""
    if SIMULATED:
        return None, None
    free, total = cuda.current_context().get_memory_info()
    return int(free), int(total)


def synchronize() -> None:
    """Wait until the GPU has done all that was asked of it."""
    cuda.synchronize()


def block_size(threads: int) -> int:
    """Threads of a block: few while the card is not full, so that every multiprocessor gets some; at most 256."""
    size = WARP
    while size < LARGEST_BLOCK and threads >= 2 * size * BLOCKS_PER_SM * multiprocessors():
        size *= 2
    return size


class Kernel:
    """A compiled kernel with the types of its arguments, launched on as many threads as there is work.

    signature
        The arguments' types in numba's words, where `real` stands for float32 or float64:
        "real[:,::1], real[::1], int64". It is what the kernel is compiled for where there is no GPU.
    """

    def __init__(self, function: Callable[..., None], signature: str, name: str) -> None:
        self.function, self.signature, self.name = function, signature, name
        self.compiled = cuda.jit(function)

    def __call__(self, threads: int, *args: Any) -> None:
        """Run it for thread numbers 0 to threads - 1; none: nothing is launched."""
        if threads:
            size = block_size(threads)
            self.launch(-(-threads // size), size, *args, around=in_turn)

    def launch(self, grid: Any, block: Any, *args: Any, around: Any = contextlib.nullcontext) -> None:
        """Run it on a grid of blocks, inside the context that `around` makes."""
        given = [a.numba if isinstance(a, DeviceArray) else a for a in args]

        def start(stream: Any) -> None:
            with around():
                self.compiled[grid, block, stream](*given)

        _recording.run(start, *args)

    def __repr__(self) -> str:
        return f"<kernel {self.name}({self.signature})>"


in_turn = _simulator.in_turn if SIMULATED else contextlib.nullcontext
if SIMULATED:
    _simulator.start_one_by_one()


def kernel(signature: str, name: str | None = None) -> Callable[[Callable[..., None]], Kernel]:
    """Decorator: a function of one thread as a Kernel. A thread finds its number by `cuda.grid(1)`."""
    return lambda function: Kernel(function, signature, name or function.__name__)


def device(function: Callable[..., Any]) -> Any:
    """Decorator: a function that kernels call."""
    return cuda.jit(device=True)(function)


@device
def _lesser(a, b):  # type: ignore[no-untyped-def]
    return b if b < a else a


@device
def _greater(a, b):  # type: ignore[no-untyped-def]
    return b if b > a else a


# min and max of two whole numbers in kernels: numba's own are not compiled by its built-in target (numba 0.68).
lesser, greater = (min, max) if SIMULATED else (_lesser, _greater)


def on_device(where: str, **arrays: Any) -> None:
    """Check that all arrays are in the GPU's memory. None is passed over."""
    for name, value in arrays.items():
        if value is not None and not isinstance(value, DeviceArray):
            because = (
                "because the backend is 'cuda'; backend.get('cuda').asarray(array) copies one to the GPU"
            )
            _check.fail(where, f"{name} is a {type(value).__name__}", "an array in the GPU's memory", because,
                        error=TypeError)  # fmt: skip


def ends_of(lengths: np.ndarray | None, T: int, B: int) -> DeviceArray:
    """How many steps each sample has, (B,) of int64, in the GPU's memory."""
    return _ends(b"" if lengths is None else lengths.astype(np.int64).tobytes(), T, B)


@functools.lru_cache(maxsize=16)
def _ends(lengths: bytes, T: int, B: int) -> DeviceArray:
    return asarray(np.frombuffer(lengths, np.int64).copy() if lengths else np.full(B, T))
