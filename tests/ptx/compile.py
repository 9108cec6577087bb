"""Compile kernels to PTX with numba-cuda and NVVM, on a machine without a GPU, and keep the texts in a folder."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import os
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import indrnn_np
from indrnn_np._cpu.jit import user_cache
from indrnn_np._cpu.kernel_code import describe
from indrnn_np._cuda.launch import Kernel

from . import settings

# Compiled PTX and C, named by hashes of their sources.
FOLDER = Path(os.environ.get("INDRNN_CACHE_DIR") or user_cache(), "ptx").expanduser()


def ptx_of(kernel: Kernel, types: tuple[Any, ...], capabilities: Sequence[tuple[int, ...]]) -> list[str]:
    """Return the PTX of a kernel for the numba types of its arguments, for each compute capability."""
    from numba import types as numba_types

    source = describe(kernel.function), list(map(str, types)), compilers()
    files = {capability: FOLDER / f"{digest(repr((source, capability)))}.ptx" for capability in capabilities}
    missing = [capability for capability, file in files.items() if not file.exists()]
    if missing:
        texts = compile_ptx(kernel.function, numba_types.void(*types), missing)
        for capability, text in zip(missing, texts, strict=True):
            write(files[capability], text)
    return [file.read_text(encoding="utf-8") for file in files.values()]


def compile_ptx(
    function: Callable[..., None], signature: Any, capabilities: Sequence[tuple[int, ...]]
) -> list[str]:
    """Return the PTX of a kernel for each compute capability.

    `cuda.compile_ptx` returns the same texts and takes three times as long for four capabilities, because it
    translates the Python function for each. numba compiles device functions for the capability of the GPU
    of this machine, so a fake GPU stands in for it.

    Parameters
    ----------
    function : callable
        Function of one thread.
    signature : str or numba signature
        Argument types, "void(float32[::1], int64)".
    """
    compiler, dispatcher = (
        importlib.import_module(f"numba.cuda.{name}") for name in ("compiler", "dispatcher")
    )
    current, first = dispatcher.get_current_device, capabilities[0]
    dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=first)
    try:
        library, _ = compiler._compile_pyfunc_with_fixup(
            function, signature, device=False, abi="numba", cc=first
        )
        texts = [library.get_asm_strs(cc=capability) for capability in capabilities]
    finally:
        dispatcher.get_current_device = current
    return [text.rstrip("\0") for (text,) in texts]


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def write(file: Path, text: str) -> None:
    """Write a file at once, so that no other process reads a part of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(f".{os.getpid()}")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(file)


@cache
def compilers() -> tuple[str, ...]:
    """Return the versions of all that decides on PTX: the compilers, and the code that writes PTX itself."""
    (text,) = compile_ptx(_nothing, "void(int64)", [settings.capability])
    nvvm = text[: text.index(".version")]
    vectors = Path(indrnn_np.__file__).parent / "_cuda" / "vector_access.py"
    versions = (importlib.metadata.version(name) for name in ("numba-cuda", "numba"))
    return *versions, sys.version, nvvm, digest(vectors.read_text(encoding="utf-8"))


def _nothing(n: int) -> None:
    """Kernel that does nothing."""
