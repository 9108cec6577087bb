"""Describe the conditions of a measurement: machine, BLAS, threads, versions and date."""

from __future__ import annotations

import datetime
import os
import platform
from importlib.metadata import version
from typing import Any

from threadpoolctl import threadpool_info

from .. import _machine
from . import threads

PACKAGES = ("numpy", "numba")


def blas() -> str:
    """Return the library, version and kernels of NumPy's BLAS: `OpenBLAS 0.3.31.188.0 SkylakeX`."""
    libraries = [library for library in threadpool_info() if library["user_api"] == "blas"]
    if not libraries:
        return "a BLAS that threadpoolctl does not know"
    names = {"openblas": "OpenBLAS", "mkl": "MKL", "blis": "BLIS"}
    library = next((library for library in libraries if "numpy" in library["filepath"]), libraries[0])
    api = library["internal_api"]
    parts = [names.get(api, api), library["version"], library.get("architecture")]
    return " ".join(str(part) for part in parts if part)


def machine() -> dict[str, Any]:
    """Return the CPU, its cores, the threads in use, the BLAS and the date, for JSON."""
    return {
        "cpu": _machine.cpu_name(), "cores": os.cpu_count(), "threads": threads.threads(), "blas": blas(),
        "system": platform.system(), "date": datetime.date.today().isoformat(),
    }  # fmt: skip


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that compute."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
