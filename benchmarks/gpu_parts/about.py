"""The machine: GPU, driver, versions, which form of numba.cuda is live and who multiplies."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version

import machine

from indrnn_np._cuda import cublas, products, target

from .part import Part

PACKAGES = ("numpy", "numba", "llvmlite", "numba-cuda", "cuda-bindings", "cuda-core", "cuda-toolkit", "nvidia-cublas",
            "scipy", "torch", "triton", "jax", "cupy-cuda13x", "pytest", "hypothesis")  # fmt: skip
NEEDED = (
    "numpy",
    "numba",
    "scipy",
    "threadpoolctl",
    "platformdirs",
    "pooch",
    "tomli_w",
    "rich",
    "matplotlib",
)
VARIABLES = ("NUMBA_ENABLE_CUDASIM", "NUMBA_CUDA_LOW_OCCUPANCY_WARNINGS", "NUMBA_DISABLE_JIT", "OPENBLAS_CORETYPE",
             "INDRNN_CACHE_DIR", "CUDA_HOME", "LD_LIBRARY_PATH")  # fmt: skip


def about(part: Part) -> None:
    """Write down what the numbers were measured with."""
    told = machine.describe()
    part.found["machine"] = told
    table = part.table("Machine", "what", "is")
    for name, value in target.describe().items():
        table.row(name, value)
    table.row("products", products.product_library())
    what, expected, because = target.problem()
    if what:
        part.fail(f"{what}, expected {expected} {because}")
    library, reason = cublas.find()
    if library is None:
        part.note(f"cuBLAS cannot be used: {reason}")
    for name, value in smi().items():
        table.row(f"nvidia-smi, {name}", value)
    for name in ("cpu", "cores", "system", "python", "date", "commit"):
        table.row(name, told[name])
    for name in PACKAGES:
        table.row(name, _version(name))
    for name in VARIABLES:
        if name in os.environ:
            table.row(name, "set" if "/" in os.environ[name] else os.environ[name])
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        part.note(f"not installed here: {', '.join(missing)}")


def smi() -> dict[str, str]:
    """What the driver's own tool tells, empty without it."""
    asked = ("driver_version", "name", "memory.total", "power.limit", "clocks.max.sm", "clocks.max.mem")
    if shutil.which("nvidia-smi") is None:
        return {}
    words = ["nvidia-smi", f"--query-gpu={','.join(asked)}", "--format=csv,noheader"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30)
    if done.returncode:
        return {"error": " ".join(done.stderr.split())[:200]}
    return dict(zip(asked, done.stdout.splitlines()[0].split(", "), strict=False))


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
