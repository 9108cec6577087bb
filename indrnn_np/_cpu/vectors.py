"""Hold numbers of neighbouring columns in vector registers: one variable of a kernel is one vector.

A loop over the columns of an array writes its results to memory and reads them again in the next
time step. A `Vector` is a value of LLVM, so it stays in registers from one time step to the next.
Its arithmetic is that of a compiled function of numbers, which `map_lanes` calls for each lane:

    mask = lanes(count, 16)
    h = load(array, 0, mask)
    h = map_lanes(step, (a, h))  # h[lane] = step(a[lane], h[lane])
    store(array, 0, mask, h)

A vector may be longer than a register of the CPU; LLVM then takes several registers. Lanes from
`count` on are not read from memory and not written to it. The functions here exist in compiled
kernels only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

from . import llvm

INT64 = ir.IntType(64)


class Vector(types.Type):
    """Type of a vector in numba: the type of its elements and their number."""

    def __init__(self, dtype: Any, width: int) -> None:
        self.dtype, self.width = dtype, width
        super().__init__(f"Vector({dtype}, {width})")

    @property
    def itemsize(self) -> int:
        return int(self.dtype.bitwidth) // 8


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    """In LLVM, the value is <width x element>."""

    def __init__(self, manager: Any, vector: Any) -> None:
        element = manager.lookup(vector.dtype).get_value_type()
        super().__init__(manager, vector, ir.VectorType(element, vector.width))


@intrinsic(prefer_literal=True)
def lanes(context, count, width):  # type: ignore[no-untyped-def]
    """Return the mask of the first `count` lanes of a vector with `width` lanes, a constant."""
    if not isinstance(width, types.Literal):
        return None

    def write(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return llvm.below(builder, 0, width.literal_value, arguments[0])

    return Vector(types.boolean, width.literal_value)(types.intp, width), write


@intrinsic
def fill(context, mask, number):  # type: ignore[no-untyped-def]
    """Return a vector with as many lanes as a mask, which all equal a number."""

    def write(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return llvm.broadcast(builder, arguments[1], mask.width)

    return Vector(number, mask.width)(mask, number), write


@intrinsic
def load(context, array, start, mask):  # type: ignore[no-untyped-def]
    """Load the lanes of a mask from the elements `start`, `start` + 1, ... of a contiguous array."""
    vector = Vector(array.dtype, mask.width)

    def write(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        first, start, mask = arguments
        pointer = _pointer(context, builder, signature.args[0], first, start, vector)
        return llvm.masked_load(builder, pointer, vector.itemsize, mask)

    return vector(array, types.intp, mask), write


@intrinsic
def store(context, array, start, mask, vector):  # type: ignore[no-untyped-def]
    """Store the lanes of a mask into the elements `start`, `start` + 1, ... of a contiguous array."""

    def write(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        first, start, mask, value = arguments
        pointer = _pointer(context, builder, signature.args[0], first, start, vector)
        llvm.masked_store(builder, value, pointer, vector.itemsize, mask)
        return context.get_dummy_value()

    return types.void(array, types.intp, mask, vector), write


def _pointer(context: Any, builder: Any, array: Any, value: Any, start: Any, vector: Any) -> Any:
    """Return a pointer to a vector that begins at element `start` of a contiguous array."""
    first = context.make_array(array)(context, builder, value).data
    return builder.bitcast(builder.gep(first, [start]), context.get_value_type(vector).as_pointer())


@intrinsic
def map_lanes(context, function, arguments):  # type: ignore[no-untyped-def]
    """Return the vector of function(x, y, ...) of each lane; `arguments` is a tuple of vectors and numbers.

    `function` is compiled by `njit`. The code is a loop over the lanes that LLVM has to turn into
    one operation on whole vectors for each operation on numbers; the loop then disappears.
    """
    vectors = [t for t in arguments if isinstance(t, Vector)]
    numbers = [t.dtype if isinstance(t, Vector) else t for t in arguments]
    called = function.get_call_type(context, numbers, {})
    result = Vector(called.return_type, vectors[0].width)

    def write(context, builder, signature, values):  # type: ignore[no-untyped-def]
        call = context.get_function(function, called)
        inputs = [_in_memory(builder, value) for value in cgutils.unpack_tuple(builder, values[1])]
        output = cgutils.alloca_once(builder, context.get_value_type(result))

        def lane(n: Any) -> None:
            value = call(builder, [read(n) for read in inputs])
            builder.store(value, _element(builder, output, n))

        _lane_loop(builder, result.width, lane)
        return builder.load(output)

    return result(function, arguments), write


def _in_memory(builder: Any, value: Any) -> Callable[[Any], Any]:
    """Return a function that reads lane n of a vector; a number is the same in each lane."""
    if not isinstance(value.type, ir.VectorType):
        return lambda n: value
    memory = cgutils.alloca_once(builder, value.type)
    builder.store(value, memory)
    return lambda n: builder.load(_element(builder, memory, n))


def _element(builder: Any, memory: Any, n: Any) -> Any:
    """Return a pointer to lane n of a vector in memory."""
    return builder.gep(builder.bitcast(memory, memory.type.pointee.element.as_pointer()), [n])


def _lane_loop(builder: Any, width: int, lane: Callable[[Any], None]) -> None:
    """Write a loop that calls `lane` with each index; LLVM turns it into code for one whole vector.

    Without the hints, LLVM repeats a short loop for each lane before it looks for vector code.
    """
    before, loop = builder.block, builder.append_basic_block("lane")
    end = builder.append_basic_block("lanes.end")
    builder.branch(loop)
    builder.position_at_end(loop)
    n = builder.phi(INT64)
    n.add_incoming(INT64(0), before)
    lane(n)
    following = builder.add(n, INT64(1))
    n.add_incoming(following, builder.block)
    jump = builder.cbranch(builder.icmp_signed("<", following, INT64(width)), loop, end)
    jump.set_metadata("llvm.loop", _hints(builder.module, width))
    builder.position_at_end(end)


def _hints(module: Any, width: int) -> Any:
    """Return metadata of a loop: do not unroll it, and use vectors of all its iterations."""
    hints = [("unroll.disable",), ("vectorize.enable", ir.IntType(1)(1)),
             ("vectorize.width", llvm.INT32(width)), ("interleave.count", llvm.INT32(1))]  # fmt: skip
    nodes = [module.add_metadata([f"llvm.loop.{name}", *value]) for name, *value in hints]
    loop = ir.values.MDValue(module, [], str(len(module.metadata)))
    loop.operands = (loop, *nodes)  # LLVM identifies a loop by a node whose first operand is the node itself
    return loop
