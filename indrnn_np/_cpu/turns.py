"""Let threads take turns inside compiled code by a counter in memory.

Turn i begins when the counter is i, and its thread writes i + 1 at the end. The store has release
order and the load has acquire order, so the next thread sees all earlier writes. A waiting thread
spins, because waking a thread takes longer than most turns. On POSIX it yields its CPU at
intervals. `turns`, an int64 array (2,), holds the counter and a flag. Once a failed thread has set
the flag, no thread waits (threads.in_turns).
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .jit import njit

SPINS = 256  # loads of the counter between two yields
INT64 = ir.IntType(64)
ITEMSIZE = 8  # bytes


def _pointer(builder: Any, address: Any) -> Any:
    return builder.inttoptr(address, INT64.as_pointer())


@intrinsic
def _load(context, address):  # type: ignore[no-untyped-def]
    """Load the integer at an address with acquire order."""

    def write(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.load_atomic(_pointer(builder, arguments[0]), "acquire", ITEMSIZE)

    return types.int64(types.uintp), write


@intrinsic
def _store(context, address, value):  # type: ignore[no-untyped-def]
    """Store an integer at an address with release order."""

    def write(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        address, value = arguments
        builder.store_atomic(value, _pointer(builder, address), "release", ITEMSIZE)
        return context.get_dummy_value()

    return types.void(types.uintp, types.int64), write


@intrinsic
def _yield_cpu(context):  # type: ignore[no-untyped-def]
    """Call sched_yield on POSIX; do nothing on other systems."""

    def write(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        if os.name == "posix":
            function_type = ir.FunctionType(ir.IntType(32), [])
            builder.call(cgutils.get_or_insert_function(builder.module, function_type, "sched_yield"), [])
        return context.get_dummy_value()

    return types.void(), write


@njit
def wait(turns, i):  # type: ignore[no-untyped-def]
    """Wait until turn i begins."""
    counter, spins = np.uintp(turns.ctypes.data), 0
    flag = counter + np.uintp(ITEMSIZE)
    while _load(counter) < i and _load(flag) == 0:
        spins += 1
        if spins % SPINS == 0:
            _yield_cpu()


@njit
def end(turns, i):  # type: ignore[no-untyped-def]
    """End turn i."""
    _store(np.uintp(turns.ctypes.data), i + 1)
