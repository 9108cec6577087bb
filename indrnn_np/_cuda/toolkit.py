"""Find the CUDA toolkit, and compare its version with the driver's."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

DEFAULT = Path("/usr/local/cuda")


def set_home() -> None:
    """Set CUDA_HOME to the toolkit of `nvcc`, else to /usr/local/cuda, if it has libNVVM.

    numba.cuda searches CUDA_HOME for libNVVM after the installed wheels and conda's packages. Nothing
    changes if CUDA_HOME or CUDA_PATH is set.
    """
    if {"CUDA_HOME", "CUDA_PATH"} & os.environ.keys():
        return
    nvcc = shutil.which("nvcc")
    roots = [] if nvcc is None else [Path(nvcc).resolve().parent.parent]
    for root in (*roots, DEFAULT):
        if any(root.glob("nvvm/lib*/libnvvm.so*")):
            os.environ["CUDA_HOME"] = str(root)
            return


def is_too_new(toolkit: tuple[int, ...], driver: tuple[int, ...]) -> bool:
    """Return whether the driver cannot run kernels of a toolkit, because its major version is newer."""
    return toolkit[0] > driver[0]


def minor_warning(toolkit: tuple[int, ...], driver: tuple[int, ...]) -> str:
    """Return a warning if the toolkit is newer than the driver by a minor version, else ""."""
    if toolkit[0] != driver[0] or tuple(toolkit) <= tuple(driver):
        return ""
    versions = f"the toolkit is of CUDA {dotted(toolkit)} and the driver of CUDA {dotted(driver)}"
    return f"{versions}; if kernels do not load, update the driver, or install an older toolkit"


def dotted(version: tuple[int, ...]) -> str:
    """Return a version as text, such as "13.0"."""
    return ".".join(str(part) for part in version)
