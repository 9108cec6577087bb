"""Transpose a square block of an array in vector registers.

A vector of W numbers holds W consecutive elements of a row. For code whose lanes are W rows, a block of
W x W elements is loaded row by row, transposed by log2 W rounds of shuffles, and stored row by row.
The function here exists in compiled kernels only.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from . import llvm


@intrinsic(prefer_literal=True)
def transpose(context, source, start, stride, target, first, step, width):  # type: ignore[no-untyped-def]
    """Compute target[first + j step + i] = source[start + i stride + j] for i, j < `width`, a constant.

    `source` and `target` are contiguous arrays; the other arguments count elements.
    """
    if not isinstance(width, types.Literal):
        return None
    W = width.literal_value

    def write(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        source, start, stride, target, first, step = arguments[:6]
        element = context.get_value_type(signature.args[0].dtype)
        vector, itemsize = ir.VectorType(element, W), int(signature.args[0].dtype.bitwidth) // 8

        def places(array: Any, value: Any, origin: Any, distance: Any) -> list[Any]:
            data = context.make_array(array)(context, builder, value).data
            offsets = [builder.add(origin, builder.mul(distance, distance.type(i))) for i in range(W)]
            return [builder.bitcast(builder.gep(data, [offset]), vector.as_pointer()) for offset in offsets]

        rows = [
            builder.load(place, align=itemsize) for place in places(signature.args[0], source, start, stride)
        ]
        for place, row in zip(
            places(signature.args[3], target, first, step), _transposed(builder, rows), strict=True
        ):
            builder.store(row, place, align=itemsize)
        return context.get_dummy_value()

    count = types.intp
    return types.void(source, count, count, target, count, count, width), write


def _transposed(builder: Any, rows: list[Any]) -> list[Any]:
    """Return the transposed rows: in round s, blocks of s x s elements beside the diagonal change places."""
    W, s = len(rows), 1
    while s < W:
        # Element c of the pair (rows[i], rows[i + s]) is c for the first row and W + c for the second.
        upper = [c if not c & s else W + c - s for c in range(W)]
        lower = [c + s if not c & s else W + c for c in range(W)]
        for i in (i for i in range(W) if not i & s):
            pair = rows[i], rows[i + s]
            rows[i], rows[i + s] = (
                builder.shuffle_vector(*pair, ir.VectorType(llvm.INT32, W)(mask)) for mask in (upper, lower)
            )
        s *= 2
    return rows
