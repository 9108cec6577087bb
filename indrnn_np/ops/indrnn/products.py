"""The two products of a chunk: by tiles of vector code (_tiles.py) for a W that has the size for it, else by BLAS.

BLAS brings both matrices into an order of its own before it multiplies. For a W as narrow as 128 x 128 that takes a
notable share of the time, and memory rests while it multiplies. Tiles take the rows of x and da where they are, and
ask for the next rows while they multiply these. They are for a W that stays in the L2 cache; of a larger one BLAS's
order is worth its price.

An element of A B is one sum in the order of its terms, whatever rows it comes with. Aᵀ B, which gives dW, is added up
block by block.
"""

from __future__ import annotations

import functools

import numpy as np

from ... import _machine
from ..._numba import njit
from ..._tiles import Tile, size, tile

LEAST_SIDE = 16  # of W: in a thinner one most of a tile would be empty
L2_SHARE = 0.5  # of a core's L2 cache for W
TERMS = 128  # of a row of A at a time, so that what they meet of B stays in the L1 cache
ROWS = 128  # of x and da that are multiplied at a time, forth and back, while they are in the caches


@functools.cache
def tile_for(shape, itemsize):
    """The tile for a W of that shape; None: BLAS multiplies."""
    found = size(itemsize)
    if found is None or min(shape) < LEAST_SIDE:
        return None
    L2 = _machine.caches().get("L2", 2**20)
    return found if shape[0] * shape[1] * itemsize <= L2_SHARE * L2 else None


def right(b):
    """B as `rows_times` takes it best."""
    return b if tile_for(b.shape, b.itemsize) is None else np.ascontiguousarray(b)


def rows_times(a, b, out):
    """out (M, N) = A (M, K) B (K, N); b is `right(B)`."""
    found = tile_for(b.shape, b.itemsize)
    if found is None or len(a) < found.rows:
        np.matmul(a, b, out=out)
    else:
        rows_kernel(*found, b.itemsize)(a, b, out)


def columns_times(a, b, out, add, room):
    """out (H, D) = Aᵀ B, or with `add` out += Aᵀ B, for A (R, H) and B (R, D); `room` (H, D) is BLAS's to write in."""
    found = tile_for(out.shape, out.itemsize)
    if found is not None and len(a):
        columns_kernel(*found, out.itemsize)(a, b, out, add)
    else:
        np.matmul(a.T, b, out=room if add else out)
        if add:
            out += room


@functools.cache
def rows_kernel(rows, width, itemsize):
    """C = A B."""
    block = rows_block(rows, width, itemsize)

    @njit
    def kernel(A, B, C):
        for first in range(0, len(A), ROWS):
            last = min(len(A), first + ROWS)
            block(A, B, C, first, last, address(A, last), address(C, last), A.shape[1])

    return kernel


@functools.cache
def columns_kernel(rows, width, itemsize):
    """C = Aᵀ B, or C += Aᵀ B."""
    block = columns_block(rows, width, itemsize)

    @njit
    def kernel(A, B, C, add):
        for first in range(0, len(A), ROWS):
            last = min(len(A), first + ROWS)
            block(A, B, C, first, last, add or first > 0, address(A, last), address(B, last))

    return kernel


@functools.cache
def rows_block(rows, width, itemsize):
    """Rows `first` to `last` of C = A B, a few terms at a time.

    Meanwhile at least as many rows are asked for at two addresses: of `asked` numbers at the one, of C's at the other
    (by the larger of both steps). The last tile of all goes back to rows that are there already. When these have all
    their terms, it takes all of its own at once, and writes the same numbers again.
    """
    columns = Tile(rows, width).columns
    whole, narrow = (tile_kernel(rows, full, width, itemsize, True) for full in (True, False))

    @njit
    def kernel(A, B, C, first, last, one, two, asked):
        (M, K), N = A.shape, B.shape[1]
        tiles = -(-N // columns)  # of a row: they share its bytes, each among its K terms
        step = -(-rows * max(asked, N) * itemsize // (tiles * K))
        for k in range(0, K, TERMS):
            for j in range(0, N, columns):
                for row in range(first, last, rows):
                    i, begin, terms = row, k, min(TERMS, K - k)
                    if row + rows > M:
                        if k + TERMS < K:
                            continue
                        i, begin, terms = M - rows, 0, K
                    given = (
                        address(A, i) + begin * itemsize, address(B, begin) + j * itemsize,
                        address(C, i) + j * itemsize, terms, begin > 0, one, two, step, N - j, K * itemsize,
                        N * itemsize, N * itemsize,
                    )  # fmt: skip
                    if j + columns <= N:
                        whole(*given)
                    else:
                        narrow(*given)
                    one, two = one + step * terms, two + step * terms

    return kernel


@functools.cache
def columns_block(rows, width, itemsize):
    """C = Aᵀ B of the rows `first` to `last`, or C += Aᵀ B, while as many rows of A are asked for at two addresses.

    The last rows of C are done by tiles of one row: to go back would add twice.
    """
    columns = Tile(rows, width).columns
    whole, narrow, line, end = (
        tile_kernel(n, full, width, itemsize, False) for n in (rows, 1) for full in (True, False)
    )

    @njit
    def kernel(A, B, C, first, last, add, one, two):
        (H, D), terms = C.shape, last - first
        step = -(-H * itemsize // (-(-D // columns) * (H // rows + H % rows)))
        for j in range(0, D, columns):
            i = 0
            while i < H:
                given = (
                    address(A, first) + i * itemsize, address(B, first) + j * itemsize, address(C, i) + j * itemsize,
                    terms, add, one, two, step, D - j, H * itemsize, D * itemsize, D * itemsize,
                )  # fmt: skip
                if i + rows <= H:
                    if j + columns <= D:
                        whole(*given)
                    else:
                        narrow(*given)
                    i += rows
                else:
                    if j + columns <= D:
                        line(*given)
                    else:
                        end(*given)
                    i += 1
                one, two = one + step * terms, two + step * terms

    return kernel


@functools.cache
def tile_kernel(rows, full, width, itemsize, onward):
    """`tile` for these constants; none of its code is made more than once."""

    @njit
    def kernel(a, b, c, terms, add, one, two, step, columns, a_line, b_line, c_line):
        tile(
            a,
            b,
            c,
            terms,
            add,
            one,
            two,
            step,
            columns,
            a_line,
            b_line,
            c_line,
            rows,
            full,
            width,
            itemsize,
            onward,
        )

    return kernel


@njit
def address(array, row):
    """Of a row, which may be the one behind the last."""
    return np.intp(array.ctypes.data) + row * array.strides[0]
