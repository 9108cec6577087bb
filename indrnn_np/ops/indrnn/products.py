"""The two products of a chunk: by tiles of vector code (_tiles.py) for a W that has the size for it, else by BLAS.

BLAS brings both matrices into an order of its own before it multiplies. For a W as narrow as 128 x 128 that takes a
notable share of the time, and memory rests while it multiplies. Tiles take the rows of x and da where they are, and
ask for the next rows while they multiply these. They are for a W that stays in the L2 cache and whose sides are whole
tiles.

An element of A B is one sum in the order of its terms, whatever rows it comes with. Aᵀ B, which gives dW, is added up
chunk by chunk.
"""

from __future__ import annotations

import functools

import numpy as np

from ... import _machine
from ..._numba import njit
from ..._tiles import LINE, VECTORS, fetch, size, tile

L2_SHARE = 0.5  # of a core's L2 cache for W
TERMS = 128  # rows at a time in Aᵀ B: of x and da they bring what the L1 cache holds
BLOCK = 8  # tiles of rows that meet the same columns of B


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
    """C = A B. The last tile goes back to rows that are there already, and writes the same numbers again."""
    columns = VECTORS * width
    tiles = BLOCK * (N // columns)  # of a block of rows; each asks for its share of the next block
    lines_a, lines_c = (lines(BLOCK * rows * side * itemsize, tiles) for side in (K, N))

    @njit
    def kernel(A, B, C):
        M, a, b, c = len(A), A.ctypes.data, B.ctypes.data, C.ctypes.data
        for first in range(0, M, BLOCK * rows):
            last = first + BLOCK * rows
            next_a, next_c = a + last * K * itemsize, c + last * N * itemsize
            for j in range(0, N, columns):
                for row in range(first, min(M, last), rows):
                    i = min(row, M - rows)
                    fetch(next_a, lines_a)
                    fetch(next_c, lines_c)
                    next_a, next_c = next_a + lines_a * LINE, next_c + lines_c * LINE
                    tile(
                        a + i * K * itemsize, b + j * itemsize, c + (i * N + j) * itemsize, K, False,
                        rows, width, itemsize, K, 1, N, N,
                    )  # fmt: skip

    return kernel


@functools.cache
def columns_kernel(H, D, itemsize, rows, width):
    """C = Aᵀ B, or C += Aᵀ B. A is in the cache, where the recurrence has left it; the next rows of B are asked for."""
    columns = VECTORS * width
    lines_b = lines(TERMS * D * itemsize, D // columns * (H // rows))

    @njit
    def kernel(A, B, C, add):
        R, a, b, c = len(A), A.ctypes.data, B.ctypes.data, C.ctypes.data
        for r in range(0, R, TERMS):
            next_b = b + (r + TERMS) * D * itemsize
            for j in range(0, D, columns):
                for i in range(0, H, rows):
                    fetch(next_b, lines_b)
                    next_b += lines_b * LINE
                    tile(
                        a + (r * H + i) * itemsize, b + (r * D + j) * itemsize, c + (i * D + j) * itemsize,
                        min(TERMS, R - r), add or r > 0, rows, width, itemsize, 1, H, D, D,
                    )  # fmt: skip

    return kernel


def lines(size, tiles):
    """A tile's share of the lines of so many bytes."""
    return -(-size // (LINE * tiles))
