"""A disk cache of compiled CUDA kernels, and processes that fill it in the background.

numba-cuda has a disk cache (`cache=True`), but several processes at once may store two kernels of one function under
the same name, and an edit of a device function in another file is not noticed. Here each kernel has a file of its own,
whose key describes the code, as in the package's cache of CPU kernels (_cpu/jit.py). Any error of the cache means that
the kernel is compiled again.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from indrnn_np._cpu.jit import cache_directory, compiler
from indrnn_np._cpu.kernel_code import describe
from indrnn_np._cpu.kernel_files import Entry
from indrnn_np._cuda import launch, target


class KernelCache:
    """In place of numba-cuda's cache of a dispatcher (numba_cuda/numba/cuda/core/caching.py)."""

    cache_path = None
    binds = (
        True  # whether a kernel is loaded onto the GPU at once, so that one which cannot be is compiled again
    )

    def __init__(self, dispatcher: Any) -> None:
        self._function = dispatcher.py_func
        self._options = sorted((name, repr(value)) for name, value in dispatcher.targetoptions.items())

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled kernel of a signature, or None."""
        with contextlib.suppress(Exception):
            content = self._entry(sig, target_context.codegen()).read()
            if content is not None:
                kernel = _kernel_class()._rebuild(**pickle.loads(content))
                if self.binds:
                    kernel.bind()
                return kernel
        return None

    def save_overload(self, sig: Any, kernel: Any) -> None:
        """Store a compiled kernel."""
        with contextlib.suppress(Exception):
            dumps = importlib.import_module("numba.cuda.serialize").dumps
            self._entry(sig, kernel.target_context.codegen()).write(dumps(kernel._reduce_states()))

    def flush(self) -> None:
        """Do nothing: a kernel whose code has changed has another key."""

    def _entry(self, sig: Any, codegen: Any) -> Entry:
        arguments = importlib.import_module("numba.core.sigutils").normalize_signature(sig)[0]
        versions = importlib.import_module("numba_cuda").__version__, compiler(), codegen.magic_tuple()
        key = repr((str(arguments), versions, self._options, describe(self._function)))
        folder = Path(cache_directory()).with_name("cuda-kernels")
        return Entry(folder, f"{self._function.__module__}.{self._function.__qualname__}", key.encode())


def _kernel_class() -> Any:
    return importlib.import_module("numba.cuda.dispatcher")._Kernel


def enable() -> None:
    """Let every kernel use the cache, with numba-cuda only. Call this before an op is imported."""
    if target.target() != "numba-cuda" or not cache_directory():
        return
    original = launch.Kernel.__init__

    def cached(self: Any, *args: Any, **options: Any) -> None:
        original(self, *args, **options)
        self.compiled._cache = KernelCache(self.compiled)

    launch.Kernel.__init__ = cached  # type: ignore[method-assign]


def compile_share(count: int, major: int, minor: int, number: int) -> int:
    """Compile every `count`-th kernel from `number` on for a compute capability, at low priority, without a GPU."""
    os.nice(15)
    enable()
    KernelCache.binds = False  # there is no GPU
    import registers

    with pretending((major, minor)):
        kernels = [kernel for _, kernel in registers.kernels()]
        pairs = [(kernel, dtype) for dtype in ("float32", "float64") for kernel in kernels]
        for kernel, dtype in pairs[number::count]:
            with contextlib.suppress(Exception):
                store(kernel, re.sub(r"\breal\b", dtype, kernel.signature))
    return 0


def store(kernel: launch.Kernel, types: str) -> None:
    """Compile a kernel for argument types, unless the cache holds it, and store it."""
    dispatcher = kernel.compiled
    cache, context = dispatcher._cache, dispatcher.targetctx
    arguments = importlib.import_module("numba.core.sigutils").normalize_signature(f"void({types})")[0]
    if cache.load_overload(arguments, context) is None:
        compiled = _kernel_class()(dispatcher.py_func, arguments, **dispatcher.targetoptions)
        compiled._codelibrary.get_asm_str()
        machine_code(compiled)
        cache.save_overload(arguments, compiled)


def machine_code(kernel: Any) -> None:
    """Let the linker make machine code. If it needs the driver, the driver makes it when it loads the kernel."""
    with contextlib.suppress(Exception):
        kernel._codelibrary.get_cubin()


@contextlib.contextmanager
def pretending(capability: tuple[int, ...]) -> Iterator[None]:
    """Let numba-cuda compile for a capability without a context on the GPU, which would disturb the timings."""
    device = SimpleNamespace(compute_capability=capability, id=0)
    replaced = []
    for name in ("dispatcher", "codegen", "compiler"):
        module = importlib.import_module(f"numba.cuda.{name}")
        if hasattr(module, "get_current_device"):
            replaced.append((module, "get_current_device", module.get_current_device))
            module.get_current_device = lambda: device
    devices = importlib.import_module("numba.cuda.cudadrv.devices")
    replaced.append((devices, "get_context", devices.get_context))
    devices.get_context = lambda *_: SimpleNamespace(device=device)
    try:
        yield
    finally:
        for module, name, original in replaced:
            setattr(module, name, original)
