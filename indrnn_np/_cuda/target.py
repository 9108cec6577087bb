"""Import numba.cuda, report its target, check for a GPU and allocate memory. No other module imports numba.cuda.

numba.cuda has three targets with the same interface, and all kernels of the package run on each:

    numba-cuda          NVIDIA's package, which the extra `cuda` installs; it replaces the module numba.cuda
    built-in            the older target inside numba itself, if numba-cuda is not installed
    simulator           plain Python on the CPU, if NUMBA_ENABLE_CUDASIM=1 is set before the start; tests use it on
                        machines without a GPU

numba-cuda 0.30 imports a name that NumPy 2.5 no longer has; the name exists while numba-cuda is imported.
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

from .. import _check
from . import toolkit
from .toolkit import dotted

SIMULATED = bool(numba.config.ENABLE_CUDASIM)
DEBUG = os.environ.get("INDRNN_CUDA_DEBUG", "0").replace(
    "0", ""
)  # "": off; "initcheck": without NaN in new memory
LEAST_CAPABILITY = (7, 5)  # the oldest GPUs that CUDA 13 supports
WARP = 32
LARGEST_BLOCK = 256
INTEGERS = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))  # of labels, ids


def _load() -> Any:
    """Import numba.cuda, with the name that numba-cuda misses in NumPy 2.5."""
    if not SIMULATED:
        toolkit.set_home()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # numba-cuda 0.30 beside NumPy 2.5
        from numba import cuda

        alias = "row_stack"  # of NumPy's vstack, removed in NumPy 2.5
        if not SIMULATED and getattr(cuda, "implementation", "") == "NVIDIA" and not hasattr(np, alias):
            setattr(np, alias, np.vstack)
            try:
                with contextlib.suppress(ModuleNotFoundError):  # not every numba-cuda has this module
                    importlib.import_module("numba.cuda.np.arrayobj")
            finally:
                delattr(np, alias)
    _silence_occupancy_warnings(cuda)
    return cuda


def _silence_occupancy_warnings(cuda: Any) -> None:
    """Turn off numba's warning about launches of few blocks, unless its environment variable is set."""
    name = "CUDA_LOW_OCCUPANCY_WARNINGS"
    if f"NUMBA_{name}" in os.environ:
        return
    for config in (numba.config, getattr(getattr(cuda, "core", None), "config", None)):
        if hasattr(config, name):
            setattr(config, name, 0)


cuda = _load()


def target() -> str:
    """Return the target of numba.cuda: "simulator", "numba-cuda" or "built-in"."""
    if SIMULATED:
        return "simulator"
    return "numba-cuda" if getattr(cuda, "implementation", "") == "NVIDIA" else "built-in"


def available() -> bool:
    """Return whether kernels can run, on a GPU or in the simulator."""
    return not driver_problem()


def driver_problem() -> str:
    """Return numba's message if there is no usable driver; "" if there is one, and in the simulator."""
    if SIMULATED or cuda.is_available():
        return ""
    return " ".join(str(cuda.cuda_error() or "numba.cuda finds no driver").split()).partition(". ")[0]


def require() -> None:
    """Check that kernels can run; the RuntimeError says what is missing and what to install.

    Warns if the toolkit is newer than the driver by a minor version.
    """
    obstacle, expected, because = problem()
    if obstacle:
        _check.fail("backend 'cuda'", obstacle, expected, because, error=RuntimeError)
    if not SIMULATED and (text := toolkit.minor_warning(*versions())):
        _check.warn(f"backend 'cuda': {text}")


def versions() -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the versions of the toolkit and of the driver."""
    return tuple(cuda.runtime.get_version()), tuple(cuda.driver.driver.get_version())


def problem() -> tuple[str, str, str]:
    """Return why kernels cannot run, the expected state and advice, for `_check.fail`; empty if they can."""
    if SIMULATED:
        return "", "", ""
    if reason := driver_problem():
        return (
            f"no NVIDIA GPU can be used ({reason})", "a GPU with a driver of series 580 or newer",
            "and pip install 'indrnn-np[cuda]'; without a GPU, NUMBA_ENABLE_CUDASIM=1 runs small cases in a simulator",
        )  # fmt: skip
    compiled, driver = versions()
    if toolkit.is_too_new(compiled, driver):
        return (
            f"the driver is of CUDA {dotted(driver)}", f"at least {compiled[0]}.0",
            f"because kernels are compiled with toolkit {dotted(compiled)}; update the driver, or install an older "
            "toolkit",
        )  # fmt: skip
    capability = tuple(cuda.get_current_device().compute_capability)
    if capability < LEAST_CAPABILITY:
        return (
            f"the GPU has compute capability {dotted(capability)}", f"at least {dotted(LEAST_CAPABILITY)}",
            "because CUDA 13 does not support older GPUs",
        )  # fmt: skip
    return "", "", ""


def describe() -> dict[str, str]:
    """Describe the target and the GPU, for `indrnn info`."""
    report = {"numba.cuda": target()}
    obstacle, expected, because = problem()
    if obstacle:
        return report | {"cuda": f"{obstacle}, expected {expected} {because}"}
    if SIMULATED:
        return report | {"cuda": "kernels run as plain Python, for tests"}
    device = cuda.get_current_device()
    name = device.name.decode() if isinstance(device.name, bytes) else str(device.name)
    free, total = memory()
    compiled, driver = versions()
    warning = toolkit.minor_warning(compiled, driver)
    report |= {
        "GPU": f"{name}, compute capability {dotted(device.compute_capability)}, {multiprocessors()} multiprocessors",
        "GPU memory": f"{(free or 0) / 2**30:.3g} GiB free of {(total or 0) / 2**30:.3g} GiB",
        "driver": f"CUDA {dotted(driver)}",
        "toolkit": f"CUDA {dotted(compiled)}",
    }
    return report | ({"warning": warning} if warning else {})


@functools.cache
def multiprocessors() -> int:
    """Return the number of streaming multiprocessors of the GPU; 1 in the simulator."""
    return 1 if SIMULATED else int(cuda.get_current_device().MULTIPROCESSOR_COUNT)


def memory() -> tuple[int | None, int | None]:
    """Return the free and the total memory of the GPU in bytes; None in the simulator."""
    if SIMULATED:
        return None, None
    free, total = cuda.current_context().get_memory_info()
    return int(free), int(total)


def allocate(nbytes: int, clear: Callable[[], None], live: int) -> Any:
    """Return new GPU memory; if there is too little, call clear(), which frees unused memory, and try again.

    Raises
    ------
    MemoryError
        If there is still too little. The message names `live`, the bytes that arrays of this program use.
    """
    try:
        return _new_memory(nbytes)
    except MemoryError:
        clear()
    try:
        return _new_memory(nbytes)
    except MemoryError as error:
        needed, free, total, used = (f"{(n or 0) / 2**20:.0f} MiB" for n in (nbytes, *memory(), live))
        because = f"of {total} on the GPU, with {used} used by arrays of this program"
        message = f"cuda: an array needs {needed}, expected at most {free}, {because}"
        raise MemoryError(f"{message}; a smaller batch or fewer steps would fit") from error


def _new_memory(nbytes: int) -> Any:
    try:
        return cuda.device_array(nbytes, np.uint8)
    except Exception as error:
        if "OUT_OF_MEMORY" not in str(error):
            raise
        raise MemoryError from error


def synchronize() -> None:
    """Wait until the GPU has finished all launches and copies."""
    cuda.synchronize()


def end_of_work(stream: Any) -> Callable[[], None]:
    """Return a function that waits for the launches and copies in a stream until now, and for no later ones."""
    if SIMULATED:
        return synchronize
    event = cuda.event(timing=False)
    event.record(stream)
    return event.synchronize
