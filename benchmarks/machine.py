"""What a measured number needs beside it: machine, versions, threads, date, commit."""

from __future__ import annotations

import datetime
import os
import platform
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_info


def describe() -> dict[str, Any]:
    """The machine and the software, as JSON."""
    import numpy  # noqa: F401  so that its BLAS is loaded and seen

    blas = [lib for lib in threadpool_info() if lib["user_api"] == "blas"]
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("numpy", "numba", "llvmlite")},
        "blas": [
            {k: lib.get(k) for k in ("internal_api", "version", "architecture", "num_threads")}
            for lib in blas
        ],
        "date": datetime.date.today().isoformat(),
        "commit": commit(),
    }


def commit() -> str:
    """The commit that ran; `+` behind it if the tree had changes of its own."""
    folder = Path(__file__).parent
    if shutil.which("git") is None:
        return "unknown"
    run = lambda *a: subprocess.run(["git", *a], cwd=folder, capture_output=True, text=True).stdout.strip()  # noqa: E731
    changed = run(
        "status", "--porcelain", "--untracked-files=no", "--", "..", ":!../benchmarks/results", ":!../docs"
    )
    return run("rev-parse", "--short", "HEAD") + ("+" if changed else "")


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    fields = {k.strip(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
    names = ("model name", "cpu family", "model")
    return ", ".join(f"{name} {fields[name]}" for name in names if name in fields)


if __name__ == "__main__":
    import json

    print(json.dumps(describe(), indent=2))
