"""A thread's numbers in a GPU's memory, one or 16 bytes in an access: numba itself has only the first.

Kernels that come in both forms say which by `wide`, a constant: a thread then has one column, or as many neighbouring
ones as 16 bytes hold (`columns`: 4 of float32, 2 of float64). `read` and `write` move their numbers between an array
and the thread's own, which are to stay in registers. In the wide form places in the GPU's memory must be multiples of
16 bytes: `aligned` tells whether an array begins at one. No index is tested for being negative.

numba is handed the instructions; in the simulator the same names are plain Python.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ._cuda import SIMULATED
from ._device import DeviceArray

BYTES = 16
MOST = 4  # columns of a thread: what its own arrays have room for


def aligned(array: DeviceArray) -> bool:
    """Does the array begin at a multiple of 16 bytes?"""
    return array.pointer % BYTES == 0


def _instructions(function: Callable[..., Any]) -> Any:
    """The function itself in the simulator, else what writes the instructions of its name."""
    return function if SIMULATED else WRITERS[function.__name__]


def _columns(context, wide, array):  # type: ignore[no-untyped-def]
    def write(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return context.get_constant(types.intp, _count(wide, array))

    return types.intp(wide, array), write


def _product(context, x, y):  # type: ignore[no-untyped-def]
    def write(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        kind = arguments[0].type
        name = "llvm.nvvm.mul.rn.f" if x.bitwidth == 32 else "llvm.nvvm.mul.rn.d"
        multiply = cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind, kind]), name)
        return builder.call(multiply, arguments)

    return x(x, x), write


def _read(context, wide, values, k, array, place):  # type: ignore[no-untyped-def]
    return _copy(wide, values, k, array, place, aligned_source=True)


def _write(context, wide, array, place, values, k):  # type: ignore[no-untyped-def]
    return _copy(wide, array, place, values, k, aligned_to=True)


def _move(context, wide, to, i, values, k):  # type: ignore[no-untyped-def]
    return _copy(wide, to, i, values, k)


def _count(wide: Any, array: Any) -> int:
    return BYTES // _size(array) if wide.literal_value else 1


def _size(array: Any) -> int:
    return int(array.dtype.bitwidth) // 8


def _copy(wide, to, i, source, k, aligned_to=False, aligned_source=False):  # type: ignore[no-untyped-def]
    """to[i : i + columns] = source[k : k + columns] as one load and one store."""
    size, count = _size(to), _count(wide, to)
    number = ir.FloatType() if size == 4 else ir.DoubleType()
    vector = ir.VectorType(number, count) if count > 1 else number

    def address(context, builder, kind, array, index):  # type: ignore[no-untyped-def]
        start = context.make_array(kind)(context, builder, array).data
        return builder.bitcast(builder.gep(start, [index]), vector.as_pointer())

    def write(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        start = address(context, builder, source, *arguments[3:])
        numbers = builder.load(start, align=size * (count if aligned_source else 1))
        end = address(context, builder, to, *arguments[1:3])
        builder.store(numbers, end, align=size * (count if aligned_to else 1))
        return context.get_dummy_value()

    return types.void(wide, to, types.intp, source, types.intp), write


FUNCTIONS = _columns, _product, _read, _write, _move
WRITERS = {function.__name__[1:]: intrinsic(prefer_literal=True)(function) for function in FUNCTIONS}


@_instructions
def columns(wide, array):  # type: ignore[no-untyped-def]
    """How many columns a thread has: a constant of the code."""
    return BYTES // array.dtype.itemsize if wide else 1


@_instructions
def product(x, y):  # type: ignore[no-untyped-def]
    """x y, rounded: the compiler makes no fused operation of it and a sum."""
    return x * y


@_instructions
def read(wide, values, k, array, place):  # type: ignore[no-untyped-def]
    """From a place of the array to place k of the thread's own values."""
    move(wide, values, k, array, place)


@_instructions
def write(wide, array, place, values, k):  # type: ignore[no-untyped-def]
    """From place k of the thread's own values to a place of the array."""
    move(wide, array, place, values, k)


@_instructions
def move(wide, to, i, values, k):  # type: ignore[no-untyped-def]
    """From place k of a thread's own values to place i of others."""
    for c in range(columns(wide, to)):
        to[i + c] = values[k + c]
