"""Threads that take turns inside compiled code: a number in memory says whose turn it is.

Turn i may begin when the number is i, and whoever ends it writes i + 1. All that was written before is seen by the
thread that reads the new number (release and acquire). A thread that waits keeps looking, since to be woken takes
longer than most turns; where the system knows such a call, it lets others on its CPU go first now and then.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ._numba import njit

LOOKS = 256  # before a waiting thread lets others go first
NUMBER = ir.IntType(64)
ALIGNED = 8


def _pointer(builder: Any, address: Any) -> Any:
    return builder.inttoptr(address, NUMBER.as_pointer())


@intrinsic
def _read(context, address):  # type: ignore[no-untyped-def]
    """The number there, and from here on whatever was written before it."""

    def write(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.load_atomic(_pointer(builder, arguments[0]), "acquire", ALIGNED)

    return types.int64(types.uintp), write


@intrinsic
def _write(context, address, number):  # type: ignore[no-untyped-def]
    """Write the number, after all that was written so far."""

    def write(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        address, number = arguments
        builder.store_atomic(number, _pointer(builder, address), "release", ALIGNED)
        return context.get_dummy_value()

    return types.void(types.uintp, types.int64), write


@intrinsic
def _let_others_go_first(context):  # type: ignore[no-untyped-def]
    """sched_yield, where the system has it."""

    def write(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        if os.name == "posix":
            kind = ir.FunctionType(ir.IntType(32), [])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, "sched_yield"), [])
        return context.get_dummy_value()

    return types.void(), write


def begin():  # type: ignore[no-untyped-def]
    """Turns of which none has begun: whose it is, and whether a thread has given up, so that nobody waits for it."""
    return np.zeros(2, np.int64)


def give_up(turns):  # type: ignore[no-untyped-def]
    """No thread waits any more."""
    turns[1] = 1


@njit
def wait(turns, i):  # type: ignore[no-untyped-def]
    """Wait until turn i may begin."""
    place, looks = np.uintp(turns.ctypes.data), 0
    while _read(place) < i and _read(place + np.uintp(ALIGNED)) == 0:
        looks += 1
        if looks % LOOKS == 0:
            _let_others_go_first()


@njit
def end(turns, i):  # type: ignore[no-untyped-def]
    """Turn i has ended."""
    _write(np.uintp(turns.ctypes.data), i + 1)
