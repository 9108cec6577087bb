"""A tile of a matrix product as vector code: its sums stay in registers from the first term to the last.

C[i, j] = Σ_k A[i, k] B[k, j] for a few rows i and two vectors of columns j. Each term loads the two vectors of B once
and multiplies them with every row's number of A. A compiler does not find that in three loops, so the instructions are
written here; strides are constants of the code, so that every address is a base and a fixed distance.

How large a tile is follows from the CPU's vector registers. On a CPU for which no size is known there are no tiles.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numba
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

VECTORS = 2  # of a row
TO_READ_INTO_L2 = 0, 2, 1  # llvm.prefetch: to be read, not into the L1 cache, data


class Tile(NamedTuple):
    """Rows of a tile, and numbers of a vector."""

    rows: int
    width: int

    @property
    def columns(self) -> int:
        return VECTORS * self.width


# Rows, and bytes of a vector: 16 sums in 32 registers, 8 in 16.
SIZES = {"avx512f": (8, 64), "avx2": (4, 32)}


def size(itemsize: int) -> Tile | None:
    """The tile of this CPU for numbers of so many bytes; None if there is none, or nothing is compiled."""
    if numba.config.DISABLE_JIT:
        return None
    features = _features()
    found = next((known for name, known in SIZES.items() if features.get(name)), None)
    return None if found is None else Tile(found[0], found[1] // itemsize)


@functools.cache
def _features() -> Any:
    return binding.get_host_cpu_features()


@intrinsic(prefer_literal=True)
def tile(  # type: ignore[no-untyped-def]
    context, a, b, c, terms, add, one, one_step, two, two_step, rows, width, itemsize, a_row, a_term, b_term, c_row
):  # fmt: skip
    """Write C, or add it to what stands there if `add`; a, b and c are the addresses of A, B and C, terms at least 1.

    Meanwhile memory at the addresses `one` and `two` is asked for, which move on by their steps, in bytes, with each
    term: so much that whoever uses it next finds it in the L2 cache. It may lie behind an array's end.

    All others are constants: the tile, the bytes of a number, and strides in numbers: of A from row to row and from
    term to term, of B from term to term, of C from row to row.
    """
    constants = rows, width, itemsize, a_row, a_term, b_term, c_row
    if not all(isinstance(value, types.IntegerLiteral) for value in constants):
        return None
    numbers = [value.literal_value for value in constants]

    def write(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        _Writer(builder, *numbers).write(*arguments[:9])
        return context.get_dummy_value()

    place, count = types.uintp, types.intp
    return types.void(
        place, place, place, count, types.boolean, place, count, place, count, *constants
    ), write


class _Writer:
    """Writes the instructions of a tile. Distances are in bytes."""

    def __init__(self, builder: Any, rows: int, width: int, itemsize: int, *strides: int) -> None:
        self.builder, self.rows, self.width, self.itemsize = builder, rows, width, itemsize
        self.a_row, self.a_term, self.b_term, self.c_row = (itemsize * stride for stride in strides)
        self.number = ir.FloatType() if itemsize == 4 else ir.DoubleType()
        self.vector = ir.VectorType(self.number, width)
        kind, name = ir.FunctionType(self.vector, [self.vector] * 3), f"llvm.fma.v{width}f{8 * itemsize}"
        self.multiply_add = cgutils.get_or_insert_function(builder.module, kind, name)

    def write(self, a: Any, b: Any, c: Any, terms: Any, add: Any, *asked: Any) -> None:
        """A loop over the terms, whose variables are the number of the term, four addresses and all sums."""
        builder, before = self.builder, self.builder.block
        loop, end = builder.append_basic_block("terms"), builder.append_basic_block("end")
        builder.branch(loop)
        builder.position_at_end(loop)
        one, one_step, two, two_step = asked
        starts = [terms.type(0), a, b, one, two, *[self.vector([0.0] * self.width)] * (self.rows * VECTORS)]
        now = [builder.phi(start.type) for start in starts]
        k, a_k, b_k, one, two, *sums = now
        self.ask(one)
        self.ask(two)
        steps = [k.type(1), a.type(self.a_term), b.type(self.b_term), one_step, two_step]
        moved = [builder.add(*pair) for pair in zip(now, steps, strict=False)]
        sums = self.one_term_more(a_k, b_k, sums)
        for value, start, after in zip(now, starts, [*moved, *sums], strict=True):
            value.add_incoming(start, before)
            value.add_incoming(after, loop)
        builder.cbranch(builder.icmp_signed("<", moved[0], terms), loop, end)
        builder.position_at_end(end)
        with builder.if_else(add) as branches:
            for adding, branch in zip((True, False), branches, strict=True):
                with branch:
                    self.store(c, sums, adding)

    def ask(self, place: Any) -> None:
        """Ask for the line of memory there."""
        flag, pointer = ir.IntType(32), ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [pointer, flag, flag, flag])
        prefetch = cgutils.get_or_insert_function(self.builder.module, kind, "llvm.prefetch.p0")
        self.builder.call(prefetch, [self.builder.inttoptr(place, pointer), *map(flag, TO_READ_INTO_L2)])

    def one_term_more(self, a: Any, b: Any, sums: list[Any]) -> list[Any]:
        """All sums, with the products of the numbers at `a` and the vectors at `b`."""
        row = [self.load(self.vector, b, v * self.width * self.itemsize) for v in range(VECTORS)]
        found = []
        for i in range(self.rows):
            number = self.everywhere(self.load(self.number, a, i * self.a_row))
            for v in range(VECTORS):
                found.append(self.builder.call(self.multiply_add, [number, row[v], sums[i * VECTORS + v]]))
        return found

    def store(self, c: Any, sums: list[Any], adding: bool) -> None:
        for n, value in enumerate(sums):
            i, v = divmod(n, VECTORS)
            distance = i * self.c_row + v * self.width * self.itemsize
            if adding:
                value = self.builder.fadd(self.load(self.vector, c, distance), value)
            self.builder.store(value, self.place(self.vector, c, distance), align=self.itemsize)

    def load(self, kind: Any, address: Any, distance: int) -> Any:
        return self.builder.load(self.place(kind, address, distance), align=self.itemsize)

    def place(self, kind: Any, address: Any, distance: int) -> Any:
        return self.builder.inttoptr(self.builder.add(address, address.type(distance)), kind.as_pointer())

    def everywhere(self, number: Any) -> Any:
        """A vector of the same number."""
        nothing, index = ir.Constant(self.vector, ir.Undefined), ir.IntType(32)
        first = self.builder.insert_element(nothing, number, index(0))
        return self.builder.shuffle_vector(first, nothing, ir.VectorType(index, self.width)([0] * self.width))
