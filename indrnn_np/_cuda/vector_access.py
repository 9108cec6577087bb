"""Loads and stores of 16 bytes, for kernels whose threads own several neighbouring columns.

A kernel has two forms. In the narrow form a thread owns one column. In the wide form it owns as many neighbouring
columns as 16 bytes hold: 4 of float32, 2 of float64. `V = owned_columns(wide, array)` is a literal for the
compiler, so `load`, `store` and `copy` are one access each. In the wide form, positions in GPU memory must be
multiples of 16 bytes; `aligned` checks where an array begins. Negative indices do not wrap around.

numba has no accesses of this kind, so the functions provide the instructions (LLVM IR). In the simulator they run as
written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .arrays import DeviceArray
from .launch import device
from .target import SIMULATED

BYTES = 16
MAX_COLUMNS = 4  # the most columns of a thread; the size of its local arrays


def aligned(array: DeviceArray) -> bool:
    """Return whether the array begins at a multiple of 16 bytes."""
    return array.pointer % BYTES == 0


# Each of these functions returns a signature and the function that builds the LLVM IR, as `intrinsic` requires.


def _owned_columns(context, wide, array):  # type: ignore[no-untyped-def]
    V = BYTES // _bytes(array) if wide.literal_value else 1

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return context.get_constant(types.intp, V)

    return types.literal(V)(wide, array), build


def _load(context, V, values, k, array, p):  # type: ignore[no-untyped-def]
    return _vector_copy(V, values, k, array, p, source_aligned=True)


def _store(context, V, array, p, values, k):  # type: ignore[no-untyped-def]
    return _vector_copy(V, array, p, values, k, target_aligned=True)


def _copy(context, V, target, i, source, k):  # type: ignore[no-untyped-def]
    return _vector_copy(V, target, i, source, k)


def _vector_copy(V, target, i, source, k, source_aligned=False, target_aligned=False):  # type: ignore[no-untyped-def]
    size, V = _bytes(target), V.literal_value
    number = ir.FloatType() if size == 4 else ir.DoubleType()
    vector = ir.VectorType(number, V) if V > 1 else number

    def address(context, builder, kind, array, index):  # type: ignore[no-untyped-def]
        start = context.make_array(kind)(context, builder, array).data
        return builder.bitcast(builder.gep(start, [index]), vector.as_pointer())

    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        _, target_array, i_value, source_array, k_value = arguments
        read_from = address(context, builder, source, source_array, k_value)
        numbers = builder.load(read_from, align=size * (V if source_aligned else 1))
        write_to = address(context, builder, target, target_array, i_value)
        builder.store(numbers, write_to, align=size * (V if target_aligned else 1))
        return context.get_dummy_value()

    return types.void(types.literal(V), target, types.intp, source, types.intp), build


def _mul_rn(context, x, y):  # type: ignore[no-untyped-def]
    def build(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        kind = arguments[0].type
        name = "llvm.nvvm.mul.rn.f" if x.bitwidth == 32 else "llvm.nvvm.mul.rn.d"
        multiply = cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind, kind]), name)
        return builder.call(multiply, arguments)

    return x(x, x), build


def _bytes(array: Any) -> int:
    return int(array.dtype.bitwidth) // 8


def instructions(build: Callable[..., Any]) -> Callable[[Callable[..., Any]], Any]:
    """Decorator: on a GPU, replace a function by the instructions of `build`; keep it in the simulator."""
    return lambda function: function if SIMULATED else intrinsic(prefer_literal=True)(build)


@instructions(_owned_columns)
def owned_columns(wide, array):  # type: ignore[no-untyped-def]
    """Return V, the number of columns that a thread owns."""
    return BYTES // array.dtype.itemsize if wide else 1


@instructions(_load)
def load(V, values, k, array, p):  # type: ignore[no-untyped-def]
    """Load array[p : p + V] from GPU memory into values[k : k + V], a thread's local array."""
    copy(V, values, k, array, p)


@instructions(_store)
def store(V, array, p, values, k):  # type: ignore[no-untyped-def]
    """Store values[k : k + V], of a thread's local array, in array[p : p + V] in GPU memory."""
    copy(V, array, p, values, k)


@instructions(_copy)
def copy(V, target, i, source, k):  # type: ignore[no-untyped-def]
    """Copy source[k : k + V] to target[i : i + V]; both are local arrays of a thread."""
    for c in range(V):
        target[i + c] = source[k + c]


@instructions(_mul_rn)
def mul_rn(x, y):  # type: ignore[no-untyped-def]
    """Return x y, rounded to nearest: the compiler cannot fuse this product with a sum."""
    return x * y


@device
def copy_rows(V, rows, source, target):  # type: ignore[no-untyped-def]
    """Copy the thread's columns of some rows from one local array to another."""
    for i in range(rows):
        copy(V, target, i * V, source, i * V)


@device
def store_zeros(V, array, p, stride, rows, zeros):  # type: ignore[no-untyped-def]
    """Store zeros in the thread's columns of some rows, from position p on. `zeros` is a local array to use."""
    for c in range(V):
        zeros[c] = array.dtype.type(0)
    for _ in range(rows):
        store(V, array, p, zeros, 0)
        p += stride
