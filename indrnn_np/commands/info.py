"""`indrnn info`: what the engine runs on, to be pasted into a report."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

PACKAGES = ("numpy", "numba", "llvmlite", "scipy", "threadpoolctl", "matplotlib")
VARIABLES = ("OPENBLAS_CORETYPE", "GOMP_SPINCOUNT", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS",
             "NUMBA_DISABLE_JIT", "INDRNN_CACHE_DIR")  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def run(args: argparse.Namespace) -> int:
    """Print versions, BLAS, threads, environment and folders; return 0."""
    found = collect()
    if args.json:
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
    else:
        for head, entries in found.items():
            sys.stdout.write(
                f"{head}\n" + "".join(f"    {name}: {value}\n" for name, value in entries.items())
            )
    return 0


def collect() -> dict[str, dict[str, Any]]:
    """Return all of it by heading and name."""
    import platformdirs
    from threadpoolctl import threadpool_info

    from .. import __version__, _numba, _threads, backend

    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    blas = {
        f"{p['internal_api']} {p['version']}": f"{p['num_threads']} threads, {p.get('architecture')}"
        for p in pools
    }
    folders = {"compiled kernels": _numba.cache_directory(), "data": platformdirs.user_cache_dir("indrnn_np")}
    return {
        "versions": {"indrnn_np": __version__, "python": platform.python_version()}
        | {p: _version(p) for p in PACKAGES},
        "machine": {
            "system": platform.platform(),
            "processor": platform.machine(),
            "threads": _threads.threads(),
        },
        "backends": dict.fromkeys(backend.backends(), "ready"),
        "BLAS": blas,
        "environment": {name: os.environ[name] for name in VARIABLES if name in os.environ},
        "folders": folders,
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
