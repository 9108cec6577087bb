"""Compute the two matrix products of a chunk by tiles, if W fits in half of the L2 cache.

BLAS packs both matrices before it multiplies. For a W as narrow as 128 x 128, packing takes a
notable share of the time, and memory is idle while BLAS multiplies. Tiles (_cpu/tiles.py) read the
rows of x and da in place, and prefetch the next rows while they multiply. A larger W does not stay
in the L2 cache; then packing pays.

An element of A B is one sum in the order of its terms, so it does not depend on the other rows of
the chunk. Aᵀ B, which gives dW, is summed block by block.
"""

from __future__ import annotations

import functools

import numpy as np

from ... import _machine
from ..._cpu.jit import njit
from ..._cpu.tiles import Tile, size, tile

LEAST_SIDE = 16  # smallest side of W; with a shorter side most of a tile would be empty
L2_SHARE = 0.5  # the largest share of a core's L2 cache that W may take
TERMS = 128  # terms of a sum at a time, so that their rows of B stay in the L1 cache
ROWS = 128  # rows of x and da at a time, so that both products of a chunk read them from the caches


@functools.cache
def tile_for(shape, itemsize):
    """Return the tile for a W of this shape, or None if BLAS multiplies."""
    cpu_tile = size(itemsize)
    if cpu_tile is None or min(shape) < LEAST_SIDE:
        return None
    L2 = _machine.caches().get("L2", 2**20)
    return cpu_tile if shape[0] * shape[1] * itemsize <= L2_SHARE * L2 else None


@functools.cache
def rows_kernel(rows, width, itemsize):
    """Return a kernel for C = A B; one thread owns C.

    Reads A and writes C once: 2 words an element.
    """
    block = rows_block(rows, width, itemsize)

    @njit
    def kernel(A, B, C):
        for first in range(0, len(A), ROWS):
            last = min(len(A), first + ROWS)
            block(A, B, C, first, last, address(A, last), address(C, last), A.shape[1])

    return kernel


@functools.cache
def columns_kernel(rows, width, itemsize):
    """Return a kernel for C = Aᵀ B, or C += Aᵀ B; one thread owns C.

    Reads A and B once: 2 words an element.
    """
    block = columns_block(rows, width, itemsize)

    @njit
    def kernel(A, B, C, add):
        for first in range(0, len(A), ROWS):
            last = min(len(A), first + ROWS)
            block(A, B, C, first, last, add or first > 0, address(A, last), address(B, last))

    return kernel


@functools.cache
def rows_block(rows, width, itemsize):
    """Return a kernel for the rows `first` to `last` of C = A B, a few terms at a time.

    It prefetches at least as many rows from each of two streams: rows of `length` elements from the
    address `stream1`, and rows of C's length from `stream2`. Both advance by the longer row. The
    last tile overlaps rows that are complete; it computes all terms at once and writes the same
    values again.
    """
    columns = Tile(rows, width).columns
    whole, narrow = (tile_kernel(rows, full, width, itemsize, False) for full in (True, False))

    @njit
    def kernel(A, B, C, first, last, stream1, stream2, length):
        (M, K), N = A.shape, B.shape[1]
        tiles = -(-N // columns)  # tiles in a row of C; their terms share the bytes to prefetch
        advance = -(-rows * max(length, N) * itemsize // (tiles * K))
        for k in range(0, K, TERMS):
            for j in range(0, N, columns):
                for row in range(first, last, rows):
                    i, begin, terms = row, k, min(TERMS, K - k)
                    if row + rows > M:
                        if k + TERMS < K:
                            continue
                        i, begin, terms = M - rows, 0, K
                    arguments = (
                        address(A, i) + begin * itemsize, address(B, begin) + j * itemsize,
                        address(C, i) + j * itemsize, terms, begin > 0, stream1, stream2, advance, N - j, K * itemsize,
                        N * itemsize, N * itemsize,
                    )  # fmt: skip
                    if j + columns <= N:
                        whole(*arguments)
                    else:
                        narrow(*arguments)
                    stream1, stream2 = stream1 + advance * terms, stream2 + advance * terms

    return kernel


@functools.cache
def columns_block(rows, width, itemsize):
    """Return a kernel for C = Aᵀ B, or C += Aᵀ B, over the rows `first` to `last`.

    It prefetches as many rows of A's length from each of two streams. Tiles of a single row compute
    the last rows of C, because overlapping tiles would add their sums twice.
    """
    columns = Tile(rows, width).columns
    whole, narrow, whole_row, narrow_row = (
        tile_kernel(n, full, width, itemsize, True) for n in (rows, 1) for full in (True, False)
    )

    @njit
    def kernel(A, B, C, first, last, add, stream1, stream2):
        (H, D), terms = C.shape, last - first
        advance = -(-H * itemsize // (-(-D // columns) * (H // rows + H % rows)))
        for j in range(0, D, columns):
            i = 0
            while i < H:
                arguments = (
                    address(A, first) + i * itemsize, address(B, first) + j * itemsize, address(C, i) + j * itemsize,
                    terms, add, stream1, stream2, advance, D - j, H * itemsize, D * itemsize, D * itemsize,
                )  # fmt: skip
                if i + rows <= H:
                    if j + columns <= D:
                        whole(*arguments)
                    else:
                        narrow(*arguments)
                    i += rows
                else:
                    if j + columns <= D:
                        whole_row(*arguments)
                    else:
                        narrow_row(*arguments)
                    i += 1
                stream1, stream2 = stream1 + advance * terms, stream2 + advance * terms

    return kernel


@functools.cache
def tile_kernel(rows, full, width, itemsize, transpose_a):
    """Compile `tile` for these constants, once for all kernels that call it."""

    @njit
    def kernel(a, b, c, terms, add, stream1, stream2, advance, columns, a_stride, b_stride, c_stride):
        tile(
            a, b, c, terms, add, stream1, stream2, advance, columns, a_stride, b_stride, c_stride,
            rows, full, width, itemsize, transpose_a,
        )  # fmt: skip

    return kernel


@njit
def address(array, row):
    """Return the address of a row; one past the end is allowed."""
    return np.intp(array.ctypes.data) + row * array.strides[0]
