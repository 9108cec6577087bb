"""The machine: GPU, driver, versions, the target of numba.cuda, and the library of products."""

from __future__ import annotations

import importlib.util
import os
from importlib.metadata import PackageNotFoundError, version

from indrnn_np._cuda import cublas, products, target

from . import gpu_state
from .part import NoGpu, Part

PACKAGES = ("numpy", "numba", "llvmlite", "numba-cuda", "cuda-bindings", "cuda-core", "cuda-toolkit", "nvidia-cublas",
            "nvidia-nvjitlink", "scipy", "torch", "triton", "nvidia-ml-py")  # fmt: skip
OPTIONAL = ("platformdirs", "pooch", "tomli_w", "matplotlib", "pynvml", "torch", "triton")
VARIABLES = ("NUMBA_ENABLE_CUDASIM", "NUMBA_CUDA_LOW_OCCUPANCY_WARNINGS", "OPENBLAS_CORETYPE", "INDRNN_CACHE_DIR",
             "CUDA_HOME", "CUDA_PATH", "LD_LIBRARY_PATH")  # fmt: skip
SMI = (
    "driver_version",
    "name",
    "memory.total",
    "power.limit",
    "clocks.max.sm",
    "clocks.max.mem",
    "ecc.mode.current",
)


def about(part: Part) -> None:
    """Report what the numbers were measured with."""
    table = part.table("Machine", "property", "value")
    for name, value in target.describe().items():
        table.row(name, value)
    obstacle, expected, because = target.problem()
    if obstacle:
        raise NoGpu(f"{obstacle}, expected {expected} {because}")
    if not target.SIMULATED:
        capability = target.cuda.get_current_device().compute_capability
        table.row("compute capability", ".".join(map(str, capability)), capability=list(capability))
    with part.surviving("cuBLAS"):
        table.row("products", products.product_library())
        library, reason = cublas.find()
        if library is None:
            part.note(f"cuBLAS cannot be used: {reason}")
    with part.surviving("nvidia-smi", ours=False):
        if not target.SIMULATED:
            for name, value in zip(SMI, gpu_state.smi(SMI), strict=True):
                table.row(f"nvidia-smi, {name}", value)
    with part.surviving("machine", ours=False):
        import machine

        described = machine.describe()
        for name in ("cpu", "cores", "system", "python", "date", "commit"):
            table.row(name, described[name])
    for name in PACKAGES:
        table.row(name, _version(name))
    for name in VARIABLES:
        if name in os.environ:
            table.row(name, "set" if "/" in os.environ[name] else os.environ[name])
    missing = [name for name in OPTIONAL if importlib.util.find_spec(name) is None]
    if missing:
        part.note(f"not installed here: {', '.join(missing)}")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
