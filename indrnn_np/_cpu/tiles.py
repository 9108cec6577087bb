"""Multiply a tile of two matrices by vector code; its sums stay in registers for all terms.

C[i, j] = Σ_k A[i, k] B[k, j] for a few rows i and two vectors of columns j. Each term loads the two
vectors of B once and multiplies them by one element of A for each row. A compiler does not generate
this code from three loops, so this file writes the instructions. They are the same for matrices of
any shape.

The size of a tile follows from the vector registers of the CPU. A CPU that is not listed in SIZES
has no tiles.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numba
from llvmlite import binding, ir
from numba import types
from numba.extending import intrinsic

from . import llvm

VECTORS = 2  # vectors in a row of a tile
READ_INTO_L2 = 0, 2, 1  # arguments of llvm.prefetch: for a read, into L2 and not L1, data


class Tile(NamedTuple):
    """Rows of a tile, and elements of a vector."""

    rows: int
    width: int

    @property
    def columns(self) -> int:
        return VECTORS * self.width


# Rows of a tile and bytes of a vector by instruction set: 16 sums in 32 registers, or 8 sums in 16.
SIZES = {"avx512f": (8, 64), "avx2": (4, 32)}


def size(itemsize: int) -> Tile | None:
    """Return the CPU's tile for elements of `itemsize` bytes; None without tile or compilation."""
    if numba.config.DISABLE_JIT:
        return None
    features = _features()
    sizes = (Tile(rows, width // itemsize) for name, (rows, width) in SIZES.items() if features.get(name))
    return next(sizes, None)


@functools.cache
def _features() -> Any:
    return binding.get_host_cpu_features()


@intrinsic(prefer_literal=True)
def tile(  # type: ignore[no-untyped-def]
    context, a, b, c, terms, add, stream1, stream2, advance, columns, a_stride, b_stride, c_stride,
    rows, full, width, itemsize, transpose_a,
):  # fmt: skip
    """Write the first `columns` columns of a tile of C = A B, or of C = Aᵀ B with `transpose_a`.

    Parameters
    ----------
    a, b, c : uintp
        Addresses of the tile's first elements in A, B and C.
    terms : intp
        Terms of each sum, at least 1.
    add : bool
        Add the product to C. A B starts its sums with C; Aᵀ B adds C at the end.
    stream1, stream2 : uintp
        Addresses of the cache lines that the first term prefetches into L2. They may lie past the
        end of an array.
    advance : intp
        Bytes by which both addresses advance with each term.
    columns : intp
        Columns of C from the first column of the tile on; at most VECTORS · `width` are written.
    a_stride, b_stride, c_stride : intp
        Bytes from one row of A, B and C to the next.
    rows, full, width, itemsize, transpose_a : constants
        Rows of the tile, whether all of its columns are written, elements of a vector, bytes of an
        element, and whether the product is Aᵀ B.
    """
    constants = rows, full, width, itemsize, transpose_a
    if not all(isinstance(constant, types.Literal) for constant in constants):
        return None
    values = [constant.literal_value for constant in constants]

    def write(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        _Writer(builder, arguments[8:12], *values).write(*arguments[:8])
        return context.get_dummy_value()

    address, count = types.uintp, types.intp
    variables = address, address, address, count, types.boolean, address, address, *[count] * 5
    return types.void(*variables, *constants), write


class _Writer:
    """Writer of the instructions of a tile. Distances are in bytes."""

    def __init__(
        self, builder: Any, sizes: Any, rows: int, full: bool, width: int, itemsize: int, transpose_a: bool
    ) -> None:
        columns, self.a_stride, self.b_stride, self.c_stride = sizes
        self.builder, self.rows, self.itemsize, self.transpose_a = builder, rows, itemsize, transpose_a
        self.element = ir.FloatType() if itemsize == 4 else ir.DoubleType()
        self.vector = ir.VectorType(self.element, width)
        self.zeros = self.vector([0.0] * width)
        # For each vector of columns: which of its elements are columns of C.
        starts = range(0, VECTORS * width, width)
        self.masks = [None if full else llvm.below(builder, v, width, columns) for v in starts]
        suffix = f".v{width}f{8 * itemsize}"
        self.multiply_add = llvm.declare(builder, "fma", self.vector, [self.vector] * 3, suffix)

    def write(
        self, a: Any, b: Any, c: Any, terms: Any, add: Any, stream1: Any, stream2: Any, advance: Any
    ) -> None:
        """Write a loop over the terms.

        Its variables are the number of remaining terms, four addresses, and all sums.
        """
        builder, sums = self.builder, [self.zeros] * (self.rows * VECTORS)
        element = terms.type(self.itemsize)
        term, row = (self.a_stride, element) if self.transpose_a else (element, self.a_stride)
        rows = [builder.mul(row, row.type(i)) for i in range(self.rows)]
        if not self.transpose_a:  # C may be uninitialised; without `add` the loaded values are discarded
            sums = [builder.select(add, *pair) for pair in zip(self.load_tile(c), sums, strict=True)]
        before = builder.block
        loop, end = builder.append_basic_block("terms"), builder.append_basic_block("end")
        builder.branch(loop)
        builder.position_at_end(loop)
        starts = [terms, a, b, stream1, stream2, *sums]
        variables = [builder.phi(start.type) for start in starts]
        left, a_k, b_k, *streams = variables[:5]
        for address in streams:
            self.prefetch(address)
        increments = [left.type(-1), term, self.b_stride, advance, advance]
        advanced = [builder.add(*pair) for pair in zip(variables[:5], increments, strict=True)]
        sums = self.add_term([builder.add(a_k, distance) for distance in rows], b_k, variables[5:])
        for variable, start, value in zip(variables, starts, [*advanced, *sums], strict=True):
            variable.add_incoming(start, before)
            variable.add_incoming(value, loop)
        builder.cbranch(builder.icmp_signed(">", advanced[0], left.type(0)), loop, end)
        builder.position_at_end(end)
        if not self.transpose_a:
            self.store_tile(c, sums)
            return
        with builder.if_else(add) as (adding, writing):
            with adding:
                self.store_tile(c, list(map(builder.fadd, self.load_tile(c), sums)))
            with writing:
                self.store_tile(c, sums)

    def prefetch(self, address: Any) -> None:
        """Prefetch the cache line at an address."""
        int32, pointer = llvm.INT32, ir.IntType(8).as_pointer()
        types = [pointer, int32, int32, int32]
        prefetch = llvm.declare(self.builder, "prefetch", ir.VoidType(), types, ".p0")
        self.builder.call(prefetch, [self.builder.inttoptr(address, pointer), *map(int32, READ_INTO_L2)])

    def add_term(self, a: list[Any], b: Any, sums: list[Any]) -> list[Any]:
        """Return the sums plus the products of the elements at addresses `a` and the row at `b`."""
        vectors = [self.load(b, v) for v in range(VECTORS)]
        new_sums: list[Any] = []
        for address in a:
            pointer = self.builder.inttoptr(address, self.element.as_pointer())
            element = self.builder.load(pointer, align=self.itemsize)
            element = llvm.broadcast(self.builder, element, self.vector.count)
            for vector in vectors:
                new_sums.append(self.builder.call(self.multiply_add, [element, vector, sums[len(new_sums)]]))
        return new_sums

    def load_tile(self, c: Any) -> list[Any]:
        """Return the vectors of the tile of C."""
        return [self.load(row, v) for row in self.row_addresses(c) for v in range(VECTORS)]

    def store_tile(self, c: Any, sums: list[Any]) -> None:
        """Write the sums to the tile of C, without the columns beyond the last one."""
        places = ((row, v) for row in self.row_addresses(c) for v in range(VECTORS))
        for value, (row, v) in zip(sums, places, strict=True):
            pointer, mask = self.pointer(row, v), self.masks[v]
            if mask is None:
                self.builder.store(value, pointer, align=self.itemsize)
            else:
                llvm.masked_store(self.builder, value, pointer, self.itemsize, mask)

    def row_addresses(self, c: Any) -> list[Any]:
        """Return the addresses of the tile's rows in C."""
        return [self.builder.add(c, self.builder.mul(self.c_stride, c.type(i))) for i in range(self.rows)]

    def load(self, row: Any, v: int) -> Any:
        """Return vector v of the row at an address, with zeros beyond the last column."""
        pointer, mask = self.pointer(row, v), self.masks[v]
        if mask is None:
            return self.builder.load(pointer, align=self.itemsize)
        return llvm.masked_load(self.builder, pointer, self.itemsize, mask)

    def pointer(self, row: Any, v: int) -> Any:
        """Return a pointer to vector v of the row at an address."""
        distance = row.type(v * self.vector.count * self.itemsize)
        return self.builder.inttoptr(self.builder.add(row, distance), self.vector.as_pointer())
