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
    context, a, b, c, terms, add, one, one_step, two, two_step,
    rows, columns, width, itemsize, a_row, a_term, b_term, c_row, onward,
):  # fmt: skip
    """Write C, or add it to what stands there if `add`: all its sums at the end, or `onward`, term by term.

    a, b and c are the addresses of A, B and C, terms at least 1.

    Meanwhile memory at the addresses `one` and `two` is asked for, which move on by their steps, in bytes, with each
    term: so much that whoever uses it next finds it in the L2 cache. It may lie behind an array's end.

    All others are constants: rows and columns of the tile, at most VECTORS vectors of `width` numbers; the bytes of a
    number; and strides in numbers: of A from row to row and from term to term, of B from term to term, of C from row
    to row; onward. Nothing beside the columns is read or written.
    """
    constants = rows, columns, width, itemsize, a_row, a_term, b_term, c_row, onward
    if not all(isinstance(value, types.Literal) for value in constants):
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

    def __init__(
        self, builder: Any, rows: int, columns: int, width: int, itemsize: int, *constants: int
    ) -> None:
        *strides, self.onward = constants
        self.builder, self.rows, self.itemsize, self.bytes = builder, rows, itemsize, width * itemsize
        self.a_row, self.a_term, self.b_term, self.c_row = (itemsize * stride for stride in strides)
        self.number = ir.FloatType() if itemsize == 4 else ir.DoubleType()
        self.vector = ir.VectorType(self.number, width)
        self.nothing = self.vector([0.0] * width)
        self.filled = [
            min(width, columns - first) for first in range(0, columns, width)
        ]  # numbers of each vector
        self.multiply_add = self.declare("fma", self.vector, [self.vector] * 3, f".v{width}f{8 * itemsize}")

    def declare(self, name: str, result: Any, arguments: list[Any], kind: str) -> Any:
        """An operation of LLVM's own."""
        kind_of = ir.FunctionType(result, arguments)
        return cgutils.get_or_insert_function(self.builder.module, kind_of, f"llvm.{name}{kind}")

    def write(self, a: Any, b: Any, c: Any, terms: Any, add: Any, *asked: Any) -> None:
        """A loop over the terms, whose variables are the number of the term, four addresses and all sums."""
        builder, nothing = self.builder, [self.nothing] * (self.rows * len(self.filled))
        if self.onward:  # what may not be there yet is read too, and not used
            nothing = [
                builder.select(add, there, zero) for there, zero in zip(self.stored(c), nothing, strict=True)
            ]
        before = builder.block
        loop, end = builder.append_basic_block("terms"), builder.append_basic_block("end")
        builder.branch(loop)
        builder.position_at_end(loop)
        one, one_step, two, two_step = asked
        starts = [terms.type(0), a, b, one, two, *nothing]
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
        if self.onward:
            self.store(c, sums)
            return
        with builder.if_else(add) as (adding, writing):
            with adding:
                self.store(c, [builder.fadd(*pair) for pair in zip(self.stored(c), sums, strict=True)])
            with writing:
                self.store(c, sums)

    def ask(self, place: Any) -> None:
        """Ask for the line of memory there."""
        flag, pointer = ir.IntType(32), ir.IntType(8).as_pointer()
        prefetch = self.declare("prefetch", ir.VoidType(), [pointer, flag, flag, flag], ".p0")
        self.builder.call(prefetch, [self.builder.inttoptr(place, pointer), *map(flag, TO_READ_INTO_L2)])

    def one_term_more(self, a: Any, b: Any, sums: list[Any]) -> list[Any]:
        """All sums, with the products of the numbers at `a` and the vectors at `b`."""
        row = [self.load_vector(b, v * self.bytes, v) for v in range(len(self.filled))]
        found: list[Any] = []
        for i in range(self.rows):
            number = self.everywhere(self.load(a, i * self.a_row))
            for vector in row:
                found.append(self.builder.call(self.multiply_add, [number, vector, sums[len(found)]]))
        return found

    def stored(self, c: Any) -> list[Any]:
        """What stands in C."""
        return [self.load_vector(c, distance, v) for distance, v in self.places()]

    def store(self, c: Any, sums: list[Any]) -> None:
        for value, (distance, v) in zip(sums, self.places(), strict=True):
            self.store_vector(value, c, distance, v)

    def places(self) -> list[tuple[int, int]]:
        """Of the tile's vectors in C: the distance, and which vector of its row it is."""
        return [
            (i * self.c_row + v * self.bytes, v) for i in range(self.rows) for v in range(len(self.filled))
        ]

    def load(self, address: Any, distance: int) -> Any:
        """A number."""
        return self.builder.load(self.place(self.number, address, distance), align=self.itemsize)

    def load_vector(self, address: Any, distance: int, v: int) -> Any:
        """A row's vector v, with zeros where it is not filled."""
        place = self.place(self.vector, address, distance)
        if self.filled[v] == self.vector.count:
            return self.builder.load(place, align=self.itemsize)
        mask, nothing = self.mask(v), self.vector([0.0] * self.vector.count)
        alignment = ir.IntType(32)(self.itemsize)
        load = self.declare(
            "masked.load", self.vector, [place.type, alignment.type, mask.type, self.vector], self.kind
        )
        return self.builder.call(load, [place, alignment, mask, nothing])

    def store_vector(self, value: Any, address: Any, distance: int, v: int) -> None:
        """What is filled of a row's vector v."""
        place = self.place(self.vector, address, distance)
        if self.filled[v] == self.vector.count:
            self.builder.store(value, place, align=self.itemsize)
            return
        mask, alignment = self.mask(v), ir.IntType(32)(self.itemsize)
        kinds = [self.vector, place.type, alignment.type, mask.type]
        self.builder.call(
            self.declare("masked.store", ir.VoidType(), kinds, self.kind), [value, place, alignment, mask]
        )

    def mask(self, v: int) -> Any:
        """True for the numbers that vector v is filled with."""
        bits = ir.VectorType(ir.IntType(1), self.vector.count)
        return bits([n < self.filled[v] for n in range(self.vector.count)])

    @property
    def kind(self) -> str:
        """Of the vector at an address, in the names of LLVM's operations."""
        return f".v{self.vector.count}f{8 * self.itemsize}.p0"

    def place(self, kind: Any, address: Any, distance: int) -> Any:
        return self.builder.inttoptr(self.builder.add(address, address.type(distance)), kind.as_pointer())

    def everywhere(self, number: Any) -> Any:
        """A vector of the same number."""
        nothing, index = ir.Constant(self.vector, ir.Undefined), ir.IntType(32)
        first = self.builder.insert_element(nothing, number, index(0))
        return self.builder.shuffle_vector(
            first, nothing, ir.VectorType(index, self.vector.count)([0] * self.vector.count)
        )
