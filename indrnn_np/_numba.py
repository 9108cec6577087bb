"""The project's `njit`: which flags, which cache, and why.

Flags. `error_model="numpy"` because Python's zero-division check keeps a division from vectorising.
`fastmath` is the subset below and never `True`: with `nnan` or `ninf` the compiler may assume that no NaN or
Inf exists, `isnan` answers no, and a diverging run would not be noticed.

Cache. Numba's disk cache looks at the file of the kernel only: after an edit of a function that the kernel
calls from another file it would answer with the old code. So compiled kernels go into a directory whose
name is a hash over all sources of the package, in the user's cache directory (a read-only install works,
several processes may start at once), and an edit anywhere in the package starts a new one.
`INDRNN_CACHE_DIR` moves it.

Kernels that differ in an activation are made by a factory that closes over an integer code: the code is then
a constant to the compiler. A kernel may close over other kernels too. Numba would look for it under a name that is
another in each process; here it is looked for by what it is made of.
"""

from __future__ import annotations

import functools
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator
from numba.core.dispatcher import Dispatcher
from numba.extending import overload

FASTMATH = {"contract", "reassoc", "nsz", "arcp"}
CONTRACT = {"contract"}  # a product and a sum may become one instruction; every other rounding as written
AS_WRITTEN = {"nsz"}  # every rounding as written: two kernels with the same lines give the same bits


@functools.cache
def sources_hash() -> str:
    """A hash over all source files of the package, numba's version, and whether array bounds are checked."""
    root = Path(__file__).parent
    digest = hashlib.sha256(f"{numba.__version__} {numba.config.BOUNDSCHECK}".encode())
    for path in sorted(root.rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@functools.cache
def cache_directory() -> str:
    """The directory of compiled kernels: the user's cache, or a fresh temporary one where that can't be written."""
    base = os.environ.get("INDRNN_CACHE_DIR")
    if not base:
        import platformdirs

        base = platformdirs.user_cache_dir("indrnn_np")
    path = Path(base) / "kernels" / sources_hash()
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return str(path)
    except OSError:
        return tempfile.mkdtemp(prefix="indrnn_np-kernels-")


class _SourcesLocator(_CacheLocator):
    """Tells numba's cache where the kernels of this package lie, and that the directory's name dates them."""

    def __init__(self, py_func: Any, py_file: str) -> None:
        self._line = py_func.__code__.co_firstlineno
        self._file = Path(py_file).parent.name + "." + Path(py_file).stem

    def get_cache_path(self) -> str:
        return cache_directory()

    def get_source_stamp(self) -> str:
        return sources_hash()

    def get_disambiguator(self) -> str:
        return f"{self._file}.{self._line}"

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> _SourcesLocator:
        return cls(py_func, py_file)


class _CacheImpl(CompileResultCacheImpl):
    _locator_classes = [_SourcesLocator]  # noqa: RUF012  numba reads this class attribute


class _KernelCache(FunctionCache):
    _impl_class = _CacheImpl

    def _index_key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:
        return sig, codegen.magic_tuple(), _made_of(self._py_func)


def _made_of(function: Any) -> tuple[Any, ...]:
    """Name and line of a function, and what it closes over, kernels by what they are made of: as in every process."""
    values = [cell.cell_contents for cell in function.__closure__ or ()]
    return function.__module__, function.__qualname__, function.__code__.co_firstlineno, *(
        _made_of(value.py_func) if isinstance(value, Dispatcher) else repr(value) for value in values
    )  # fmt: skip


def njit(function: Any = None, rounding: set[str] = FASTMATH, **options: Any) -> Any:
    """`numba.njit` with the project's flags and cache.

    Parameters
    ----------
    rounding
        `FASTMATH`, `CONTRACT` or `AS_WRITTEN`: what the compiler may do with the order of operations.
    options
        Options of numba.
    """
    if function is None:
        return functools.partial(njit, rounding=rounding, **options)
    options = {"error_model": "numpy", "fastmath": rounding, "nogil": True, **options}
    kernel = numba.njit(**options)(function)
    if hasattr(kernel, "_cache"):  # not with NUMBA_DISABLE_JIT=1, where the function itself comes back
        kernel._cache = _KernelCache(kernel.py_func)
    return kernel


def by_dtype(float32: Any, float64: Any) -> Any:
    """A scalar function for kernels: the one or the other of two compiled functions, by the dtype of its argument."""

    def chosen(x: Any) -> Any:
        return float32(x) if isinstance(x, np.float32) else float64(x)

    @overload(chosen, inline="always")
    def implementation(x):  # type: ignore[no-untyped-def]
        if x == numba.types.float32:
            return lambda x: float32(x)
        return lambda x: float64(x)

    return chosen
