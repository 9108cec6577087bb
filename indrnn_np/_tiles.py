"""A tile of a matrix product as vector code: its sums stay in registers from the first term to the last.

C[i, j] = Σ_k A[i, k] B[k, j] for a few rows i and two vectors of columns j. Each term loads the two vectors of B once
and multiplies them with every row's number of A. A compiler does not find that in three loops, so the instructions are
written here. They are the same for matrices of any shape.

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
    context, a, b, c, terms, add, one, two, step, columns, a_line, b_line, c_line, rows, whole, width, itemsize, onward
):  # fmt: skip
    """Write C, or add it to what stands there if `add`; of C only the columns that are asked for.

    a, b and c are the addresses of A, B and C, terms at least 1, columns at most VECTORS · `width`; `a_line`, `b_line`
    and `c_line` are the bytes from one line of numbers in memory to the next.

    Meanwhile memory at the addresses `one` and `two` is asked for, which move on by `step` bytes with each term: who
    uses it next finds it in the L2 cache. It may lie behind an array's end.

    The others are constants: the tile, whether all of its columns are asked for (`whole`), and the product. `onward`:
    A B, where a line is a row of A, and to C each term is added. Otherwise Aᵀ B, where a line has a term of each row of
    Aᵀ, and to C the sums are added.
    """
    constants = rows, whole, width, itemsize, onward
    if not all(isinstance(value, types.Literal) for value in constants):
        return None
    known = [value.literal_value for value in constants]

    def write(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        _Writer(builder, arguments[8:12], *known).write(*arguments[:8])
        return context.get_dummy_value()

    place, count = types.uintp, types.intp
    numbers = place, place, place, count, types.boolean, place, place, count, count, count, count, count
    return types.void(*numbers, *constants), write


class _Writer:
    """Writes the instructions of a tile. Distances are in bytes."""

    def __init__(
        self, builder: Any, given: list[Any], rows: int, whole: bool, width: int, itemsize: int, onward: bool
    ) -> None:
        columns, self.a_line, self.b_line, self.c_line = given
        self.builder, self.rows, self.itemsize, self.onward = builder, rows, itemsize, onward
        self.number = ir.FloatType() if itemsize == 4 else ir.DoubleType()
        self.vector = ir.VectorType(self.number, width)
        self.nothing = self.vector([0.0] * width)
        self.masks = [None if whole else self.mask(columns, v) for v in range(VECTORS)]
        self.multiply_add = self.declare("fma", self.vector, [self.vector] * 3, f".v{width}f{8 * itemsize}")

    def mask(self, columns: Any, v: int) -> Any:
        """True for the numbers of vector v that are among the columns."""
        width, kind = self.vector.count, ir.IntType(32)
        here = ir.VectorType(kind, width)([v * width + n for n in range(width)])
        return self.builder.icmp_signed("<", here, self.everywhere(self.builder.trunc(columns, kind)))

    def declare(self, name: str, result: Any, arguments: list[Any], kind: str) -> Any:
        """An operation of LLVM's own."""
        kind_of = ir.FunctionType(result, arguments)
        return cgutils.get_or_insert_function(self.builder.module, kind_of, f"llvm.{name}{kind}")

    def write(self, a: Any, b: Any, c: Any, terms: Any, add: Any, one: Any, two: Any, step: Any) -> None:
        """A loop over the terms, whose variables are how many are left, four addresses and all sums."""
        builder, nothing = self.builder, [self.nothing] * (self.rows * VECTORS)
        number = terms.type(self.itemsize)
        term, row = (number, self.a_line) if self.onward else (self.a_line, number)
        rows = [builder.mul(row, row.type(i)) for i in range(self.rows)]
        if self.onward:  # what may not be there yet is read too, and not used
            nothing = [builder.select(add, *pair) for pair in zip(self.stored(c), nothing, strict=True)]
        before = builder.block
        loop, end = builder.append_basic_block("terms"), builder.append_basic_block("end")
        builder.branch(loop)
        builder.position_at_end(loop)
        starts = [terms, a, b, one, two, *nothing]
        now = [builder.phi(start.type) for start in starts]
        left, a_k, b_k, *asked = now[:5]
        for place in asked:
            self.ask(place)
        steps = [left.type(-1), term, self.b_line, step, step]
        moved = [builder.add(*pair) for pair in zip(now[:5], steps, strict=True)]
        sums = self.one_term_more([builder.add(a_k, distance) for distance in rows], b_k, now[5:])
        for value, start, after in zip(now, starts, [*moved, *sums], strict=True):
            value.add_incoming(start, before)
            value.add_incoming(after, loop)
        builder.cbranch(builder.icmp_signed(">", moved[0], left.type(0)), loop, end)
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

    def one_term_more(self, a: list[Any], b: Any, sums: list[Any]) -> list[Any]:
        """All sums, with the products of each row's number and the vectors at `b`."""
        row = [self.load(b, v) for v in range(VECTORS)]
        found: list[Any] = []
        for place in a:
            pointer = self.builder.inttoptr(place, self.number.as_pointer())
            number = self.everywhere(self.builder.load(pointer, align=self.itemsize))
            for vector in row:
                found.append(self.builder.call(self.multiply_add, [number, vector, sums[len(found)]]))
        return found

    def stored(self, c: Any) -> list[Any]:
        """What stands in C."""
        return [self.load(line, v) for line in self.lines(c) for v in range(VECTORS)]

    def store(self, c: Any, sums: list[Any]) -> None:
        places = ((line, v) for line in self.lines(c) for v in range(VECTORS))
        for value, (line, v) in zip(sums, places, strict=True):
            place, mask = self.place(line, v), self.masks[v]
            if mask is None:
                self.builder.store(value, place, align=self.itemsize)
            else:
                self.masked("store", ir.VoidType(), [value, place, ir.IntType(32)(self.itemsize), mask])

    def lines(self, c: Any) -> list[Any]:
        """The addresses of the tile's rows in C."""
        return [self.builder.add(c, self.builder.mul(self.c_line, c.type(i))) for i in range(self.rows)]

    def load(self, line: Any, v: int) -> Any:
        """Vector v of a line, with zeros where no column is asked for."""
        place, mask = self.place(line, v), self.masks[v]
        if mask is None:
            return self.builder.load(place, align=self.itemsize)
        return self.masked("load", self.vector, [place, ir.IntType(32)(self.itemsize), mask, self.nothing])

    def masked(self, name: str, result: Any, given: list[Any]) -> Any:
        kind = f".v{self.vector.count}f{8 * self.itemsize}.p0"
        return self.builder.call(self.declare(f"masked.{name}", result, [v.type for v in given], kind), given)

    def place(self, line: Any, v: int) -> Any:
        """Where vector v of a line stands."""
        distance = line.type(v * self.vector.count * self.itemsize)
        return self.builder.inttoptr(self.builder.add(line, distance), self.vector.as_pointer())

    def everywhere(self, number: Any) -> Any:
        """A vector of the same number."""
        index, count = ir.IntType(32), self.vector.count
        nothing = ir.Constant(ir.VectorType(number.type, count), ir.Undefined)
        first = self.builder.insert_element(nothing, number, index(0))
        return self.builder.shuffle_vector(first, nothing, ir.VectorType(index, count)([0] * count))
