"""Write vector instructions of LLVM that llvmlite has no method for."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils

INT32 = ir.IntType(32)


def declare(builder: Any, name: str, result: Any, arguments: list[Any], suffix: str) -> Any:
    """Declare an intrinsic function of LLVM."""
    function_type = ir.FunctionType(result, arguments)
    return cgutils.get_or_insert_function(builder.module, function_type, f"llvm.{name}{suffix}")


def broadcast(builder: Any, value: Any, count: int) -> Any:
    """Return a vector whose elements all equal a value."""
    undefined = ir.Constant(ir.VectorType(value.type, count), ir.Undefined)
    first = builder.insert_element(undefined, value, INT32(0))
    return builder.shuffle_vector(first, undefined, ir.VectorType(INT32, count)([0] * count))


def below(builder: Any, start: int, count: int, limit: Any) -> Any:
    """Return a vector of booleans: which of the integers `start`, ..., `start` + `count` - 1 are below a limit."""
    indices = ir.VectorType(INT32, count)([start + n for n in range(count)])
    return builder.icmp_signed("<", indices, broadcast(builder, builder.trunc(limit, INT32), count))


def masked_load(builder: Any, pointer: Any, itemsize: int, mask: Any) -> Any:
    """Load a vector; elements outside of the mask are not read, and are zero."""
    vector = pointer.type.pointee
    arguments = [pointer, INT32(itemsize), mask, vector(None)]
    return _masked(builder, "load", vector, vector, arguments)


def masked_store(builder: Any, value: Any, pointer: Any, itemsize: int, mask: Any) -> None:
    """Store the elements of a vector that are in the mask."""
    _masked(builder, "store", ir.VoidType(), value.type, [value, pointer, INT32(itemsize), mask])


def _masked(builder: Any, name: str, result: Any, vector: Any, arguments: list[Any]) -> Any:
    bits = 64 if isinstance(vector.element, ir.DoubleType) else 32
    types, suffix = [value.type for value in arguments], f".v{vector.count}f{bits}.p0"
    return builder.call(declare(builder, f"masked.{name}", result, types, suffix), arguments)
