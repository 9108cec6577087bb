"""`indrnn info`: the machine and the libraries, for bug reports, and advice on speed.

`facts` queries the machine; `sections` and `advice` are functions of these facts alone.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .._machine import size_text
from . import options
from .cell_strategy import explain

Facts = Mapping[str, Any]

PACKAGES = ("numpy", "numba", "llvmlite", "scipy", "threadpoolctl", "matplotlib", "numba-cuda")
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
VARIABLES = (
    "OPENBLAS_CORETYPE", *THREAD_VARIABLES, "MKL_NUM_THREADS", "NUMBA_DISABLE_JIT", "NUMBA_BOUNDSCHECK",
    "NUMBA_ENABLE_CUDASIM", "INDRNN_CACHE_DIR", "INDRNN_DEBUG", "INDRNN_CUDA_DEBUG", "INDRNN_LOCKS",
)  # fmt: skip
AVX2_CORES = ("haswell", "zen")  # OpenBLAS's names of kernels without AVX-512
KNOWN_BLAS = ("openblas", "mkl")
POOL = "one pool of Python threads; while several run, each product runs on one thread"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    explanation = "explain the strategy of the CPU cell for a shape"
    parser.add_argument("--explain", metavar="T,B,D,H", help=explanation)
    options.add(parser, "--json")


def run(args: argparse.Namespace) -> int:
    """Print the machine, its software and the advice, or the strategy of a shape; return 0."""
    if args.explain is not None:
        return explain(args.explain, args.json)
    values = facts()
    texts, lines = sections(values), advice(values)
    if args.json:
        options.print_json({**texts, "advice": lines})
        return 0
    for head, entries in texts.items():
        sys.stdout.write(f"{head}\n" + "".join(f"    {name}: {text}\n" for name, text in entries.items()))
    sys.stdout.write("advice\n" + "".join(f"    {line}\n" for line in lines or ["nothing to improve"]))
    return 0


def facts() -> dict[str, Any]:
    """Return facts about the machine and the libraries; sizes in bytes."""
    from threadpoolctl import threadpool_info

    from .. import __version__, _machine, backend
    from .._cpu import threads
    from .._cpu.environment import CONFIGURED, has_skylakex
    from .._cpu.jit import user_cache
    from .._cuda import products, target

    cache = Path(os.environ.get("INDRNN_CACHE_DIR") or user_cache())
    free, limit = _machine.available_memory()
    return {
        "versions": {"indrnn_np": __version__, "python": platform.python_version()}
        | {package: _version(package) for package in PACKAGES},
        "system": platform.platform(),
        "cpu": _machine.cpu_name(),
        "avx512": has_skylakex(_machine.cpuinfo()),
        "caches": _machine.caches(),
        "threads": threads.threads(),
        "free": free,
        "free_limit": limit,
        "backends": backend.backends(),
        "gpu": target.describe() | ({} if target.problem()[0] else {"products": products.product_library()}),
        "blas": [pool for pool in threadpool_info() if pool["user_api"] == "blas"],
        "environment": {name: os.environ[name] for name in VARIABLES if name in os.environ},
        "made": dict(CONFIGURED),
        "cache": str(cache),
        **_kernels(cache / "kernels"),
        "data": user_cache(),
    }


def _kernels(all_versions: Path) -> dict[str, Any]:
    """Return the folder of cached kernels, and the number and size of this version's and of other kernels."""
    from .._cpu import jit, kernel_files

    folder = jit.cache_directory()
    number, size = kernel_files.usage(Path(folder)) if folder else (0, 0)
    all_kernels, all_bytes = kernel_files.usage(all_versions)
    return {
        "kernels": folder,
        "kernels_kept": bool(folder) and kernel_files.writable(Path(folder)),
        "kernels_number": number,
        "kernels_bytes": size,
        "kernels_others": all_kernels - number,
        "kernels_others_bytes": all_bytes - size,
    }


def sections(values: Facts) -> dict[str, dict[str, Any]]:
    """Return the facts as text, by heading and name."""
    environment, hint = dict(values["environment"]), "set it in your own program before numpy is imported"
    for name, value in values["made"].items():
        if environment.get(name) == value:
            environment[name] = f"{value} (set by this command; {hint})"
    free = "unknown" if values["free"] is None else f"{size_text(values['free'])}, by {values['free_limit']}"
    size = f"({values['kernels_number']} kernels, {size_text(values['kernels_bytes'])})"
    kernels = f"{values['kernels'] or 'in memory only'} {size}"
    others = f"{values['kernels_others']} kernels, {size_text(values['kernels_others_bytes'])}"
    others += "; may be deleted at any time"
    return {
        "versions": dict(values["versions"]),
        "machine": {
            "system": values["system"],
            "processor": values["cpu"],
            "caches": ", ".join(f"{n} {size_text(b)}" for n, b in values["caches"].items()) or "unknown",
            "memory free": free,
        },
        "threads": {"threads": values["threads"], "threading": POOL},
        "backends": dict.fromkeys(values["backends"], "ready"),
        "GPU": dict(values["gpu"]),
        "BLAS": {f"{p['internal_api']} {p['version']}": _blas(p) for p in values["blas"]},
        "environment": environment,
        "folders": {"compiled kernels": kernels, "kernels of other versions": others, "data": values["data"]},
    }


def advice(values: Facts) -> list[str]:
    """Return a line for each possible improvement of speed."""
    return [line for advise in ADVICE for line in advise(values)]


def no_jit(values: Facts) -> Iterator[str]:
    """Advise on CPU kernels that run as plain Python."""
    if values["environment"].get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        yield "NUMBA_DISABLE_JIT is set: kernels run as plain Python; unset it"


def simulator(values: Facts) -> Iterator[str]:
    """Advise on GPU kernels that run as plain Python."""
    if values["gpu"].get("numba.cuda") == "simulator":
        yield "NUMBA_ENABLE_CUDASIM is set: GPU kernels run as plain Python; unset it unless you test them"


def bounds_checks(values: Facts) -> Iterator[str]:
    """Advise on kernels that check each index."""
    if values["environment"].get("NUMBA_BOUNDSCHECK", "0") not in ("", "0"):
        yield "NUMBA_BOUNDSCHECK is set: kernels check every index; unset it unless you debug"


def avx2_kernels(values: Facts) -> Iterator[str]:
    """Advise on an OpenBLAS that does not use the AVX-512 of the CPU."""
    cores = [p["architecture"] for p in values["blas"] if str(p.get("architecture")).lower() in AVX2_CORES]
    if values["avx512"] and cores:
        yield (
            f"OpenBLAS runs its {cores[0]} kernels (AVX2) though the CPU has AVX-512: set "
            "OPENBLAS_CORETYPE=SkylakeX before numpy is imported, or call ir.configure() first; on CPUs of other "
            "makers than Intel this command sets the variable unless it is set"
        )


def few_threads(values: Facts) -> Iterator[str]:
    """Advise on a limit of BLAS threads below the number of cores."""
    limits = {name: values["environment"].get(name, "") for name in THREAD_VARIABLES}
    low = [name for name, limit in limits.items() if limit.isdigit() and 0 < int(limit) < values["threads"]]
    for name in low[:1]:
        yield (
            f"{name} is {limits[name]} of {values['threads']} threads: it limits small products and products "
            "outside the recurrent layers; unset it"
        )


def lost_kernels(values: Facts) -> Iterator[str]:
    """Advise on compiled kernels that are lost at the end of the process."""
    again = "kernels are compiled anew at each start"
    if not values["kernels"]:
        files = "the files of the package can't be read, as in a frozen program"
        yield f"{files}: {again}, because their version is unknown"
    elif not values["kernels_kept"]:
        folder = f"the folder {values['cache']} can't be written"
        yield f"{folder}: {again}; set INDRNN_CACHE_DIR to a writable folder"


def two_blas(values: Facts) -> Iterator[str]:
    """Advise on thread pools that compete for the cores."""
    paths = sorted({str(p.get("filepath", p["internal_api"])) for p in values["blas"]})
    if len(paths) > 1:
        names = ", ".join(Path(path).name for path in paths)
        yield f"{len(paths)} BLAS libraries are loaded ({names}), and their threads compete: load only one"


def unknown_l2(values: Facts) -> Iterator[str]:
    """Advise on an assumed cache size."""
    if "L2" not in values["caches"]:
        yield "the system does not report the size of the L2 cache: chunks of time are cut for an assumed size"


def unknown_blas(values: Facts) -> Iterator[str]:
    """Advise on a BLAS library whose threads are unknown."""
    names = sorted({p["internal_api"] for p in values["blas"]})
    if not set(names) & set(KNOWN_BLAS):
        yield (
            f"numpy's BLAS is {', '.join(names) or 'none that threadpoolctl knows'}, not OpenBLAS or MKL: its threads "
            "may compete with the threads of the engine; numpy from PyPI contains OpenBLAS"
        )


ADVICE: tuple[Callable[[Facts], Iterator[str]], ...] = (
    no_jit, bounds_checks, simulator, avx2_kernels, two_blas, unknown_blas, few_threads, lost_kernels, unknown_l2,
)  # fmt: skip


def _blas(pool: Mapping[str, Any]) -> str:
    """Return the threads of a BLAS library and, if reported, the core its kernels are built for."""
    core = pool.get("architecture")
    return f"{pool['num_threads']} threads" + (f", kernels for {core}" if core else "")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
