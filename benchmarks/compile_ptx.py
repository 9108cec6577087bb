"""Compile a CUDA kernel to PTX with numba-cuda and NVVM, on a machine without a GPU."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any


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
