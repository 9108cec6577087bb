"""The two products of a chunk: by tiles of vector code (_tiles.py) for a W that has the size for it, else by BLAS.

BLAS brings both matrices into an order of its own before it multiplies. For a W as narrow as 128 x 128 that takes a
notable share of the time, and memory rests while it multiplies. Tiles take the rows of x and da where they are, and
ask for the next rows while they multiply these. They are for a W that stays in the L2 cache and whose sides are whole
tiles.

An element of A B is one sum in the order of its terms, whatever rows it comes with. Aᵀ B, which gives dW, is added up
block by block.
"""

from __future__ import annotations

import functools

import numpy as np

from ... import _machine
from ..._numba import njit
from ..._tiles import VECTORS, size, tile

L2_SHARE = 0.5  # of a core's L2 cache for W
ROWS = 128  # of x and da that are multiplied at a time, forth and back: what the L1 cache holds of both


@functools.cache
def tile_for(shape, itemsize):
    """The tile for a W of that shape; None: BLAS multiplies."""
    found = size(itemsize)
    if found is None or 0 in shape or any(side % found.columns for side in shape):
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
        rows_kernel(*b.shape, b.itemsize, found.rows, found.width)(a, b, out)


def columns_times(a, b, out, add, room):
    """out (H, D) = Aᵀ B, or with `add` out += Aᵀ B, for A (R, H) and B (R, D); `room` (H, D) is BLAS's to write in."""
    found = tile_for(out.shape, out.itemsize)
    if found is not None and len(a):
        columns_kernel(*out.shape, out.itemsize, found.rows, found.width)(a, b, out, add)
    else:
        np.matmul(a.T, b, out=room if add else out)
        if add:
            out += room


@functools.cache
def rows_kernel(K, N, itemsize, rows, width):
    """C = A B."""
    block = rows_block(K, N, itemsize, rows, width)

    @njit
    def kernel(A, B, C):
        for first in range(0, len(A), ROWS):
            last = min(len(A), first + ROWS)
            block(A, B, C, first, last, address(A, last), address(C, last))

    return kernel


@functools.cache
def columns_kernel(H, D, itemsize, rows, width):
    """C = Aᵀ B, or C += Aᵀ B."""
    block = columns_block(H, D, itemsize, rows, width)

    @njit
    def kernel(A, B, C, add):
        for first in range(0, len(A), ROWS):
            last = min(len(A), first + ROWS)
            block(A, B, C, first, last, add or first > 0, address(A, last), address(B, last))

    return kernel


@functools.cache
def rows_block(K, N, itemsize, rows, width):
    """Rows `first` to `last` of C = A B, while as many rows of A and C are asked for at two addresses.

    The last tile of all goes back to rows that are there already, and writes the same numbers again.
    """
    columns = VECTORS * width
    tiles = N // columns  # of a row: they share its bytes, each among its K terms
    like_a, like_c = -(-rows * itemsize // tiles), -(-rows * N * itemsize // (tiles * K))

    @njit
    def kernel(A, B, C, first, last, one, two):
        a, b, c = address(A, 0), address(B, 0), address(C, 0)
        for j in range(0, N, columns):
            for row in range(first, last, rows):
                i = min(row, len(A) - rows)
                tile(
                    a + i * K * itemsize, b + j * itemsize, c + (i * N + j) * itemsize, K, False, one, like_a, two,
                    like_c, rows, width, itemsize, K, 1, N, N,
                )  # fmt: skip
                one, two = one + like_a * K, two + like_c * K

    return kernel


@functools.cache
def columns_block(H, D, itemsize, rows, width):
    """C = Aᵀ B of the rows `first` to `last`, or C += Aᵀ B, while as many rows of A are asked for at two addresses."""
    columns = VECTORS * width
    like_a = -(-H * itemsize // (D // columns * (H // rows)))

    @njit
    def kernel(A, B, C, first, last, add, one, two):
        a, b, c, terms = address(A, first), address(B, first), address(C, 0), last - first
        for j in range(0, D, columns):
            for i in range(0, H, rows):
                tile(
                    a + i * itemsize, b + j * itemsize, c + (i * D + j) * itemsize, terms, add, one, like_a, two,
                    like_a, rows, width, itemsize, 1, H, D, D,
                )  # fmt: skip
                one, two = one + like_a * terms, two + like_a * terms

    return kernel


@njit
def address(array, row):
    """Of a row, which may be the one behind the last."""
    return np.intp(array.ctypes.data) + row * array.strides[0]
