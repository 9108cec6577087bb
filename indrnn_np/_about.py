"""What a measured number needs beside it: the machine, the BLAS, the threads, the versions, the day."""

from __future__ import annotations

import datetime
import os
import platform
from importlib.metadata import version
from typing import Any

from threadpoolctl import threadpool_info

from . import _machine, _threads

PACKAGES = ("numpy", "numba")


def blas() -> str:
    """NumPy's BLAS as `OpenBLAS 0.3.31.188.0 SkylakeX`: library, version, and the kernels that it chose."""
    found = [lib for lib in threadpool_info() if lib["user_api"] == "blas"]
    own = [lib for lib in found if "numpy" in lib["filepath"]] or found
    if not own:
        return "a BLAS that threadpoolctl does not know"
    names = {"openblas": "OpenBLAS", "mkl": "MKL", "blis": "BLIS"}
    api = own[0]["internal_api"]
    parts = [names.get(api, api), own[0]["version"], own[0].get("architecture")]
    return " ".join(str(part) for part in parts if part)


def machine() -> dict[str, Any]:
    """The CPU, its cores, the threads in use, the BLAS and the day, as JSON."""
    return {
        "cpu": _machine.cpu_name(), "cores": os.cpu_count(), "threads": _threads.threads(), "blas": blas(),
        "system": platform.system(), "date": datetime.date.today().isoformat(),
    }  # fmt: skip


def versions() -> dict[str, str]:
    """Python and the packages that compute."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
