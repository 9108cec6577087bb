"""Compile kernels of the package to PTX, and keep the texts in a folder."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

import platformdirs

import indrnn_np
from indrnn_np._cpu.kernel_code import describe
from indrnn_np._cuda.launch import Kernel

from . import settings

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
from compile_ptx import compile_ptx

# Compiled PTX and C, named by hashes of their sources.
FOLDER = Path(os.environ.get("INDRNN_CACHE_DIR") or platformdirs.user_cache_dir("indrnn_np"), "ptx")


def ptx_of(kernel: Kernel, types: tuple[Any, ...]) -> str:
    """Return the PTX of a kernel for the numba types of its arguments, for `settings.capability`."""
    from numba import types as numba_types

    source = describe(kernel.function), list(map(str, types)), settings.capability, _versions()
    file = FOLDER / f"{digest(repr(source))}.ptx"
    if not file.exists():
        (text,) = compile_ptx(kernel.function, numba_types.void(*types), [settings.capability])
        write(file, text)
    return file.read_text(encoding="utf-8")


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def write(file: Path, text: str) -> None:
    """Write a file at once, so that no other process reads a part of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(f".{os.getpid()}")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(file)


@cache
def _versions() -> tuple[str, ...]:
    """Versions of the compilers, and a hash of the code that writes PTX in the place of numba."""
    versions = (importlib.metadata.version(name) for name in ("numba-cuda", "numba", "nvidia-nvvm"))
    vectors = Path(indrnn_np.__file__).parent / "_cuda" / "vector_access.py"
    return *versions, sys.version, digest(vectors.read_text(encoding="utf-8"))
