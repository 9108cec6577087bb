"""Compile kernels with the project's flags of `numba.njit` and its own disk cache.

Flags. `error_model` is "numpy", because Python's zero-division check keeps a division from
vectorising. `fastmath` is the subset below and never `True`: with `nnan` or `ninf` the compiler may
assume that no NaN or Inf exists, so `isnan` returns False and a diverging run goes unnoticed.

Cache. Numba's disk cache compares the file of the kernel only, so it returns old code after an edit
of a function that the kernel calls from another file. A damaged cache file stops every start. The
package therefore has its own cache (kernel_files.py). The name of its folder is a digest of all
files of the package. The key of an entry consists of the kernel's code, signature, compiler, CPU
and flags (kernel_code.py). If the package's files cannot be read, nothing is cached on disk.
`INDRNN_CACHE_DIR` sets the folder.

A factory makes the kernels of each activation; they close over its scalar functions. A kernel may
close over any compiled function.
"""

from __future__ import annotations

import functools
import itertools
import os
import pickle
import secrets
import sys
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core.bytecode import FunctionIdentity
from numba.core.caching import _Cache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps
from numba.extending import overload

from .kernel_code import Unidentified, describe, package_digest
from .kernel_files import Entry

FASTMATH = {"contract", "reassoc", "nsz", "arcp"}
CONTRACT = {"contract"}  # a product and a sum may become one instruction; other operations round as written
AS_WRITTEN = {"nsz"}  # every operation rounds as written: equal lines of two kernels give equal bits

# Settings of numba that change machine code. codegen.magic_tuple() holds the name and the features
# of the CPU.
SETTINGS = (
    "BOUNDSCHECK", "DEBUGINFO_DEFAULT", "DISABLE_INTEL_SVML", "ENABLE_AVX", "ENABLE_PROFILING",
    "EXTEND_VARIABLE_LIFETIMES", "JIT_COVERAGE", "LLVM_REFPRUNE_FLAGS", "LLVM_REFPRUNE_PASS", "LOOP_VECTORIZE",
    "OPT", "SLP_VECTORIZE", "USING_SVML",
)  # fmt: skip


def number_functions() -> None:
    """Let numba number functions from a random number on instead of 1.

    The symbol of compiled code consists of the function's name, its argument types and this number.
    Kernels of one factory differ in the number only. Two of them that two processes compiled could
    have the same symbol, and a process that loads both from the disk would call one for the other.
    """
    FunctionIdentity._unique_ids = itertools.count(secrets.randbits(62))


number_functions()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=number_functions)


@functools.cache
def sources_hash() -> str:
    """Return a digest of all code files of the package; "" if its loader lists no files."""
    return package_digest(__package__.partition(".")[0])


@functools.cache
def cache_directory() -> str:
    """Return the folder of compiled kernels, which may not exist yet; "" without a disk cache."""
    if not sources_hash():
        return ""
    base = os.environ.get("INDRNN_CACHE_DIR") or user_cache()
    return str(Path(base).expanduser().absolute() / "kernels" / sources_hash())


def user_cache() -> str:
    """Return the package's folder in the user's cache; without platformdirs that of Linux."""
    try:
        from platformdirs import user_cache_dir
    except ModuleNotFoundError:
        return os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "indrnn_np")
    return user_cache_dir("indrnn_np")


def compiler() -> tuple[Any, ...]:
    """Return the versions and the settings of numba on which machine code depends."""
    versions = numba.__version__, llvmlite.__version__, sys.implementation.cache_tag, sys.version_info[:3]
    return *versions, *((name, repr(getattr(numba.config, name, None))) for name in SETTINGS)


class _KernelCache(_Cache):
    """Compiled kernels on disk, in place of numba's cache."""

    def __init__(self, kernel: Any) -> None:
        self._kernel = kernel

    @property
    def cache_path(self) -> str:
        return cache_directory()

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled kernel for a signature, or None if it must be compiled."""
        target_context.refresh()
        entry = self._entry(sig, target_context.codegen())
        content = None if entry is None else entry.read()
        if entry is None or content is None:
            return None
        try:
            return CompileResult._rebuild(target_context, *pickle.loads(content))
        except Exception as error:  # noqa: BLE001  after any error the kernel can be compiled
            entry.warn(f"can't be used ({error!r})")
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Store a compiled kernel, unless its code contains addresses of this process."""
        entry = self._entry(sig, data.codegen)
        storable = not data.library.has_dynamic_globals and all(part.can_cache for part in data.lifted)
        if entry is not None and storable:
            entry.write(dumps(data._reduce()))

    def _entry(self, sig: Any, codegen: Any) -> Entry | None:
        """Return the cache entry of a kernel; None without a cache or a description of its code."""
        if not cache_directory():
            return None
        function = self._kernel.py_func
        options = sorted((name, describe(value)) for name, value in self._kernel.targetoptions.items())
        try:
            code = describe(function)
        except Unidentified:
            return None
        key = repr((repr(sig), codegen.magic_tuple(), options, compiler(), code))
        return Entry(Path(cache_directory()), f"{function.__module__}.{function.__qualname__}", key.encode())

    def enable(self) -> None:
        """Do nothing; the base class requires this method."""

    def disable(self) -> None:
        """Do nothing; the base class requires this method."""

    def flush(self) -> None:
        """Do nothing: a kernel whose code has changed has a different key."""


def njit(function: Any = None, rounding: set[str] = FASTMATH, **options: Any) -> Any:
    """Compile a function by `numba.njit` with the project's flags and cache.

    Parameters
    ----------
    function : callable
        Python function. Without it, the call returns a decorator.
    rounding : set of str
        `FASTMATH`, `CONTRACT` or `AS_WRITTEN`: how the compiler may change operations.
    **options
        Options of numba.
    """
    if function is None:
        return functools.partial(njit, rounding=rounding, **options)
    options = {"error_model": "numpy", "fastmath": rounding, "nogil": True, **options}
    cached = options.pop("cache", True)
    kernel = numba.njit(**options)(function)
    if cached and hasattr(kernel, "_cache"):  # NUMBA_DISABLE_JIT=1 returns the function itself
        kernel._cache = _KernelCache(kernel)
    return kernel


def by_dtype(float32: Any, float64: Any) -> Any:
    """Return a function for kernels that calls `float32` or `float64` by its argument's dtype."""

    def dispatch(x: Any) -> Any:
        return float32(x) if isinstance(x, np.float32) else float64(x)

    @overload(dispatch, inline="always")
    def implementation(x):  # type: ignore[no-untyped-def]
        if x == numba.types.float32:
            return lambda x: float32(x)
        return lambda x: float64(x)

    return dispatch
