"""`indrnn info`: what the engine runs on, to be pasted into a report, and what here could be faster.

`facts` asks the machine; `sections` and `advice` are functions of these facts alone.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

Facts = Mapping[str, Any]

PACKAGES = ("numpy", "numba", "llvmlite", "scipy", "threadpoolctl", "matplotlib", "numba-cuda")
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
VARIABLES = ("OPENBLAS_CORETYPE", *THREAD_VARIABLES, "MKL_NUM_THREADS", "NUMBA_DISABLE_JIT", "NUMBA_BOUNDSCHECK",
             "NUMBA_ENABLE_CUDASIM", "INDRNN_CACHE_DIR")  # fmt: skip
AVX2_CORES = ("haswell", "zen")  # OpenBLAS's names of kernels without AVX-512
KNOWN_BLAS = ("openblas", "mkl")
POOL = "one pool of Python threads; while several work, each runs its products by itself"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the machine, its software and the advice; return 0."""
    found = facts()
    told, advised = sections(found), advice(found)
    if args.json:
        sys.stdout.write(json.dumps({**told, "advice": advised}, indent=2) + "\n")
        return 0
    for head, entries in told.items():
        sys.stdout.write(f"{head}\n" + "".join(f"    {name}: {value}\n" for name, value in entries.items()))
    sys.stdout.write("advice\n" + "".join(f"    {line}\n" for line in advised or ["nothing to improve"]))
    return 0


def facts() -> dict[str, Any]:
    """Ask the machine and the libraries; sizes in bytes."""
    import platformdirs
    from threadpoolctl import threadpool_info

    from .. import __version__, _cuda, _environment, _machine, _numba, _products, _threads, backend

    cache = Path(os.environ.get("INDRNN_CACHE_DIR") or platformdirs.user_cache_dir("indrnn_np"))
    kernels = Path(_numba.cache_directory())
    files = [path for path in kernels.iterdir() if path.is_file()]
    free, limit = _machine.available_memory()
    return {
        "versions": {"indrnn_np": __version__, "python": platform.python_version()}
        | {package: _version(package) for package in PACKAGES},
        "system": platform.platform(),
        "cpu": _machine.cpu_name(),
        "avx512": _environment.has_skylakex(_machine.cpuinfo()),
        "caches": _machine.caches(),
        "threads": _threads.threads(),
        "free": free,
        "free_limit": limit,
        "backends": backend.backends(),
        "gpu": _cuda.describe() | ({} if _cuda.problem()[0] else {"products": _products.product_library()}),
        "blas": [pool for pool in threadpool_info() if pool["user_api"] == "blas"],
        "environment": {name: os.environ[name] for name in VARIABLES if name in os.environ},
        "made": dict(_environment.MADE),
        "cache": str(cache),
        "kernels": str(kernels),
        "kernels_kept": cache in kernels.parents,
        "kernels_number": sum(path.suffix == ".nbc" for path in files),
        "kernels_bytes": sum(path.stat().st_size for path in files),
        "data": platformdirs.user_cache_dir("indrnn_np"),
    }


def sections(found: Facts) -> dict[str, dict[str, Any]]:
    """Return the facts in words, by heading and name."""
    environment = {
        name: f"{value} (set by this command; a program of your own sets it before numpy is imported)"
        if found["made"].get(name) == value else value
        for name, value in found["environment"].items()
    }  # fmt: skip
    free = "unknown" if found["free"] is None else f"{_size(found['free'])}, by {found['free_limit']}"
    kernels = f"{found['kernels']} ({found['kernels_number']} kernels, {_size(found['kernels_bytes'])})"
    return {
        "versions": dict(found["versions"]),
        "machine": {
            "system": found["system"],
            "processor": found["cpu"],
            "caches": ", ".join(f"{n} {_size(b)}" for n, b in found["caches"].items()) or "unknown",
            "memory free": free,
        },
        "threads": {"threads": found["threads"], "threading": POOL},
        "backends": dict.fromkeys(found["backends"], "ready"),
        "GPU": dict(found["gpu"]),
        "BLAS": {f"{p['internal_api']} {p['version']}": _blas(p) for p in found["blas"]},
        "environment": environment,
        "folders": {"compiled kernels": kernels, "data": found["data"]},
    }


def advice(found: Facts) -> list[str]:
    """Return a line for each thing that could be faster, empty if all is well."""
    lines = (advise(found) for advise in ADVICE)
    return [line for line in lines if line is not None]


def no_jit(found: Facts) -> str | None:
    """Kernels that run as Python."""
    if found["environment"].get("NUMBA_DISABLE_JIT", "0") in ("", "0"):
        return None
    return "NUMBA_DISABLE_JIT is set: kernels run as plain Python; unset it"


def simulator(found: Facts) -> str | None:
    """GPU kernels that run as Python."""
    if found["gpu"].get("numba.cuda") != "simulator":
        return None
    return "NUMBA_ENABLE_CUDASIM is set: GPU kernels run as plain Python; unset it unless you test them"


def bounds_checks(found: Facts) -> str | None:
    """Kernels that check each index."""
    if found["environment"].get("NUMBA_BOUNDSCHECK", "0") in ("", "0"):
        return None
    return "NUMBA_BOUNDSCHECK is set: kernels check every index; unset it unless you look for an error"


def avx2_kernels(found: Facts) -> str | None:
    """OpenBLAS without the CPU's AVX-512."""
    cores = [p["architecture"] for p in found["blas"] if str(p.get("architecture")).lower() in AVX2_CORES]
    if not (found["avx512"] and cores):
        return None
    return (f"OpenBLAS runs its {cores[0]} kernels (AVX2) though the CPU has AVX-512: set OPENBLAS_CORETYPE=SkylakeX "
            "before numpy is imported, or call indrnn_np._environment.prepare() first; this command sets it itself "
            "for CPUs that are not Intel's, unless the variable is set")  # fmt: skip


def few_threads(found: Facts) -> str | None:
    """A limit on BLAS's threads below the cores."""
    for name in THREAD_VARIABLES:
        value = found["environment"].get(name, "")
        if value.isdigit() and 0 < int(value) < found["threads"]:
            return (f"{name} is {value} of {found['threads']} threads: products outside the recurrent layers, and "
                    "those too small to be shared, use no more; unset it")  # fmt: skip
    return None


def lost_kernels(found: Facts) -> str | None:
    """A cache of kernels that the next process won't find."""
    if found["kernels_kept"]:
        return None
    return (f"the folder {found['cache']} can't be written: kernels are compiled anew at each start; "
            "set INDRNN_CACHE_DIR to a folder that can")  # fmt: skip


def two_blas(found: Facts) -> str | None:
    """Thread pools that fight for the cores."""
    names = sorted({str(p.get("filepath", p["internal_api"])) for p in found["blas"]})
    if len(names) < 2:
        return None
    short = ", ".join(Path(name).name for name in names)
    return f"{len(names)} BLAS libraries are loaded ({short}), whose threads compete: let one package bring its own"


def unknown_l2(found: Facts) -> str | None:
    """A cache size that had to be assumed."""
    if "L2" in found["caches"]:
        return None
    return (
        "the system does not tell the size of the L2 cache: chunks of time are cut for one of an assumed size"
    )


def unknown_blas(found: Facts) -> str | None:
    """A BLAS whose threads are not known."""
    names = sorted({p["internal_api"] for p in found["blas"]})
    if any(name in KNOWN_BLAS for name in names):
        return None
    said = ", ".join(names) or "none that threadpoolctl knows"
    return (f"numpy's BLAS is {said}, not OpenBLAS or MKL: how its threads behave beside the engine's is not known; "
            "numpy from PyPI brings OpenBLAS")  # fmt: skip


ADVICE: tuple[Callable[[Facts], str | None], ...] = (
    no_jit, bounds_checks, simulator, avx2_kernels, two_blas, unknown_blas, few_threads, lost_kernels, unknown_l2,
)  # fmt: skip


def _blas(pool: Mapping[str, Any]) -> str:
    """One BLAS library's threads, and the core that its kernels are made for, if it says so."""
    core = pool.get("architecture")
    return f"{pool['num_threads']} threads" + (f", kernels for {core}" if core else "")


def _size(count: int) -> str:
    """Bytes with a unit."""
    units = ("bytes", "KiB", "MiB", "GiB")
    power = max((p for p in range(4) if count >= 2 ** (10 * p)), default=0)
    return f"{count / 2 ** (10 * power):.4g} {units[power]}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
