"""Put the emulator in the place of the GPU: after `install()`, backend "cuda" works on this machine."""

from __future__ import annotations

import functools
import re
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np

from indrnn_np._cuda import graph, launch, target
from indrnn_np._cuda.pool import Block, Pool

from . import memory, settings
from .compile import compilers
from .findings import Finding, record
from .program import program


def require() -> None:
    """Check that the emulator can run here; a RuntimeError says what is missing and how to install it."""
    problem = ""
    if target.SIMULATED:
        problem = "NUMBA_ENABLE_CUDASIM=1 runs kernels as Python, without PTX"
    elif target.target() != "numba-cuda":
        problem = f"numba.cuda is the {target.target()} target: pip install 'indrnn-np[ptx]'"
    elif shutil.which("gcc") is None:
        problem = "gcc is not installed: apt-get install gcc libc6-dev"
    if problem:
        raise RuntimeError(f"the PTX emulator cannot run: {problem}")
    try:
        compilers()
    except Exception as error:  # numba-cuda has its own for each library that it does not find
        advice = "pip install 'indrnn-np[ptx]'"
        raise RuntimeError(
            f"the PTX emulator cannot run: numba-cuda cannot compile ({error}): {advice}"
        ) from error


def install(multiprocessors: int = 4) -> None:
    """Let backend "cuda" run its kernels in the emulator, for the rest of this process.

    Raises
    ------
    RuntimeError
        If a compiler is missing; the message says what to install.
    """
    require()
    settings.multiprocessors = multiprocessors
    launch.Kernel.compiled = _CompiledAttribute()
    target.driver_problem = lambda: ""
    target.problem = lambda: ("", "", "")
    target.versions = lambda: ((13, 0), (13, 0))
    target.memory = lambda: (None, None)
    target.synchronize = lambda: None
    target.end_of_work = lambda stream: target.synchronize
    uncached = functools.lru_cache(maxsize=0)  # a cache as the real function has, which keeps nothing
    target.multiprocessors = launch.multiprocessors = uncached(lambda: settings.multiprocessors)
    target.cuda.device_array = memory.device_array
    target.cuda.pinned_array = np.empty
    graph._driver = lambda: None  # a graph repeats its list of launches, as in the simulator
    Pool.take = _take


def _take(pool: Pool, nbytes: int) -> Block:
    """Return new memory of exactly this size: accesses behind an array, or of a freed one, are out of bounds.

    The pool counts as if it had reused the memory of a freed array.
    """
    if pool.free[nbytes]:
        pool.free[nbytes].pop()
    else:
        pool.allocations += 1
    pool.live += nbytes
    pool.peak = max(pool.peak, pool.live)
    return Block(memory.device_array(nbytes, np.uint8), {}, pool)


class _CompiledAttribute:
    """Stands in for the attribute `compiled` of every Kernel, those that exist already included."""

    def __get__(self, kernel: launch.Kernel | None, owner: type) -> Any:
        return self if kernel is None else _Compiled(kernel)

    def __set__(self, kernel: launch.Kernel, value: Any) -> None:
        """Ignore what numba compiles."""


class _Compiled:
    """A compiled kernel, as numba's: compiled[grid, block, stream](*arguments) launches it."""

    def __init__(self, kernel: launch.Kernel) -> None:
        self.kernel = kernel

    def __getitem__(self, configuration: tuple[Any, ...]) -> Callable[..., None]:
        grid, block, *_ = configuration

        def call(*arguments: Any) -> None:
            types = tuple(map(_type_of, arguments))
            self._compare(types)
            program(self.kernel, types).launch(grid, block, arguments)

        return call

    def typeof_pyval(self, value: Any) -> Any:
        return _type_of(value)

    def compile(self, types: tuple[Any, ...]) -> _Compiled:
        """Compile the kernel without a launch, as while a graph records."""
        program(self.kernel, types)
        return self

    def bind(self) -> None:
        """Do nothing: there is no module to load."""

    def _compare(self, types: tuple[Any, ...]) -> None:
        """Record a finding if the types of a launch differ from the signature, for which others compile the kernel."""
        names = tuple(map(str, types))
        if names not in (_signature(self.kernel.signature, real) for real in ("float32", "float64")):
            text = f"launched with {', '.join(names)}; the signature is {self.kernel.signature}"
            record(Finding("types", self.kernel.name, text))


def _type_of(value: Any) -> Any:
    """Return the numba type of an argument."""
    from numba import typeof, types
    from numba.np.numpy_support import from_dtype

    if isinstance(value, memory.Array):
        return types.Array(from_dtype(value.dtype), value.ndim, "C")
    return typeof(value)


def _signature(signature: str, real: str) -> tuple[str, ...]:
    """Return the names of the argument types of a signature, with a dtype in the place of `real`."""
    from numba.core import sigutils

    types, _ = sigutils.normalize_signature("void(" + re.sub(r"\breal\b", real, signature) + ")")
    return tuple(map(str, types))
