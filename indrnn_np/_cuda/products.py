"""Compute matrix products C = A B of row-major matrices or their transposes on the GPU, and sums of columns.

A product has two implementations: cuBLAS (cublas.py), used where it is installed, and the tiled kernel below. The tiled
kernel needs no library, also runs in the simulator, and is several times slower. `product_library()` names the one in
use, `use` selects one.

A block of EDGE x EDGE threads computes SIDE x SIDE elements of C. A thread computes EACH x EACH of these and keeps
their sums in registers. The block loads DEPTH terms at a time into shared memory; the loads are coalesced, also from a
transposed matrix. A thread adds RUN terms in the arrays' dtype, and the sums of runs in float64.

A product of few elements with many terms (dW = daᵀ x, terms over T·B) has few blocks. Its terms are therefore cut into
segments, and a second kernel adds the sums of the segments in order. The number of segments depends on the sizes alone,
so two runs give equal bits.
"""

from __future__ import annotations

import functools
import math
from itertools import product
from typing import Any

import numpy as np

from .. import _check
from . import arrays, cublas
from .arrays import DeviceArray
from .launch import Kernel, device, kernel, lesser
from .target import SIMULATED, cuda

EDGE, EACH, DEPTH = (2, 8, 8) if SIMULATED else (16, 4, 16)  # the simulator's threads are slow
THREADS, SIDE = EDGE * EDGE, EDGE * EACH
PITCH = SIDE + 1  # row stride of a tile in shared memory, without bank conflicts along a column
RUN = 64 * DEPTH  # terms
SEGMENT = 512  # terms, at least
BLOCKS = 1024  # blocks of all segments, at most: more than a GPU runs at once, and at most 32 MiB of sums

_chosen: list[cublas.Cublas | None] = []  # the library in use; None is the tiled kernel


def matmul(
    a: DeviceArray, b: DeviceArray, out: DeviceArray, transpose_a: bool = False, transpose_b: bool = False
) -> None:
    """Fill `out` (M, N) with A B.

    Parameters
    ----------
    a, b : DeviceArray (M, K) and (K, N)
        The matrices A and B; with transpose_a Aᵀ (K, M), and with transpose_b Bᵀ (N, K).
    """
    M, K = a.shape[::-1] if transpose_a else a.shape
    N = b.shape[0 if transpose_b else 1]
    _check.shape("matmul", "b", b, (N, K) if transpose_b else (K, N), f"to match a with shape {a.shape}")
    _check.shape("matmul", "out", out, (M, N), f"to match a with shape {a.shape} and b with shape {b.shape}")
    library = _library()
    if library is not None and M * N * K:
        library.matmul(a, b, out, transpose_a, transpose_b)
    elif M * N:
        _tiled(a, b, out, K, transpose_a, transpose_b)


def column_sums(a: DeviceArray, out: DeviceArray) -> None:
    """Fill `out` (columns,) with the sums over the rows of a (rows, columns), added in float64."""
    rows, columns = a.shape
    parts = max(1, math.isqrt(rows))  # a part has about as many rows; this minimises the serial additions
    sums = arrays.empty((parts, columns), np.float64)
    columns_kernel(parts * columns, a.flat, rows, columns, -(-rows // parts), sums.flat)
    add_kernel(columns, sums.flat, parts, out)


def use(name: str) -> None:
    """Compute the following products by "cublas" or by the "tiled" kernel.

    Raises
    ------
    RuntimeError
        If cuBLAS cannot be used; the message says what to install.
    """
    _check.choice("products", "name", name, ("cublas", "tiled"))
    _chosen[:] = [cublas.require() if name == "cublas" else None]


def tf32(on: bool) -> None:
    """Let cuBLAS multiply float32 in TF32: faster, with 10 of the 23 bits of the mantissa. Off by default.

    Raises
    ------
    RuntimeError
        If cuBLAS cannot be used; the message says what to install.
    """
    library = cublas.require() if on else _library()
    if library is not None:
        library.tf32(on)


def product_library() -> str:
    """Return the name of the library that computes products: "cuBLAS 13.1.0", or "tiled kernel"."""
    return str(_library() or "tiled kernel")


def _library() -> cublas.Cublas | None:
    if not _chosen:
        _chosen.append(cublas.find()[0])
    return _chosen[0]


def _tiled(a: Any, b: Any, out: Any, K: int, transpose_a: bool, transpose_b: bool) -> None:
    M, N = out.shape
    tiles = -(-M // SIDE) * -(-N // SIDE)
    length, segments = segments_of(tiles, K)
    whole = segments == 1
    run = tiled_kernel(transpose_a, transpose_b, "real" if whole else "float64")
    sums = out if whole else arrays.empty((segments, M, N), np.float64)
    run.launch(segments * tiles, THREADS, a.flat, b.flat, sums.flat, M, N, K, length)
    if not whole:
        add_kernel(M * N, sums.flat, segments, out.flat)


def segments_of(tiles: int, K: int) -> tuple[int, int]:
    """Return the terms of a segment and the number of segments, for K terms and a number of tiles of C."""
    most = max(1, min(BLOCKS // tiles, K // SEGMENT))
    length = max(1, -(-K // (most * DEPTH))) * DEPTH
    return length, max(1, -(-K // length))


@functools.cache
def loader(terms_contiguous: bool) -> Any:
    """tile[k, i] = term start + k of vector first + i of a matrix; 0 from vector `size` and term `stop` on.

    A vector is a row of A or a column of B. With `terms_contiguous` the terms of a vector are contiguous in memory.
    """

    @device
    def load(tile, matrix, width, first, size, start, stop):  # type: ignore[no-untyped-def]
        row, column, zero = cuda.threadIdx.x // EDGE, cuda.threadIdx.x % EDGE, matrix.dtype.type(0)
        for m in range(DEPTH // EDGE):
            for n in range(EACH):
                k = m * EDGE + (column if terms_contiguous else row)
                i = n * EDGE + (row if terms_contiguous else column)
                p = (first + i) * width + start + k if terms_contiguous else (start + k) * width + first + i
                inside = first + i < size and start + k < stop
                tile[np.uint64(k), np.uint64(i)] = matrix[np.uint64(p)] if inside else zero

    return load


@functools.cache
def tiled_kernel(transpose_a: bool, transpose_b: bool, target: str) -> Kernel:
    """out[s] = A B over the terms of segment s: C itself ("real"), or the partial sums of segments ("float64").

    A thread owns EACH x EACH elements of one segment. A block reads each element of its part of A and B once: 2 / SIDE
    words for a term of an element.
    """
    load_a, load_b = loader(not transpose_a), loader(transpose_b)

    @kernel(f"real[::1], real[::1], {target}[::1], int64, int64, int64, int64",
            f"product[{target}, transposed={transpose_a}, {transpose_b}]")  # fmt: skip
    def tiled(a, b, out, M, N, K, length):  # type: ignore[no-untyped-def]
        tile_a = cuda.shared.array((DEPTH, PITCH), a.dtype)
        tile_b = cuda.shared.array((DEPTH, PITCH), a.dtype)
        total, run = cuda.local.array((EACH, EACH), np.float64), cuda.local.array((EACH, EACH), a.dtype)
        block, across, down = np.int64(cuda.blockIdx.x), -(-N // SIDE), -(-M // SIDE)
        segment, i0, j0 = block // (across * down), block // across % down * SIDE, block % across * SIDE
        row, column = cuda.threadIdx.x // EDGE, cuda.threadIdx.x % EDGE
        stop = lesser(K, (segment + 1) * length)
        for r in range(EACH):
            for c in range(EACH):
                total[r, c] = 0.0
        for begin in range(segment * length, stop, RUN):
            for r in range(EACH):
                for c in range(EACH):
                    run[r, c] = a.dtype.type(0)
            for start in range(begin, lesser(begin + RUN, stop), DEPTH):
                load_a(tile_a, a, M if transpose_a else K, i0, M, start, stop)
                load_b(tile_b, b, K if transpose_b else N, j0, N, start, stop)
                cuda.syncthreads()
                for k in range(DEPTH):
                    for r in range(EACH):
                        x = tile_a[k, np.uint64(row + r * EDGE)]
                        for c in range(EACH):
                            run[r, c] += x * tile_b[k, np.uint64(column + c * EDGE)]
                cuda.syncthreads()
            for r in range(EACH):
                for c in range(EACH):
                    total[r, c] += run[r, c]
        for r in range(EACH):
            for c in range(EACH):
                i, j = i0 + row + r * EDGE, j0 + column + c * EDGE
                if i < M and j < N:
                    out[np.uint64((segment * M + i) * N + j)] = total[r, c]

    return tiled


@kernel("real[::1], int64, int64, int64, float64[::1]")
def columns_kernel(a, rows, columns, length, sums):  # type: ignore[no-untyped-def]
    """sums[p, j] = Σ a[row, j] over `length` rows from row p · length. A thread owns one sum; 1 word an element."""
    n = cuda.grid(1)
    if n >= sums.size:
        return
    part, total = n // columns, np.float64(0)
    first, stop = part * length, lesser(rows, (part + 1) * length)
    p = first * columns + n % columns
    for _ in range(first, stop):
        total += a[np.uint64(p)]
        p += columns
    sums[n] = total


@kernel("float64[::1], int64, real[::1]")
def add_kernel(sums, parts, out):  # type: ignore[no-untyped-def]
    """out = Σ_p sums[p], in order, over `parts` arrays of the size of out. A thread owns one element of out."""
    n = cuda.grid(1)
    if n >= out.size:
        return
    total, p = np.float64(0), n
    for _ in range(parts):
        total += sums[np.uint64(p)]
        p += out.size
    out[n] = total


def kernels() -> Any:
    """Yield every kernel in every variant."""
    yield from (columns_kernel, add_kernel)
    yield from (tiled_kernel(*key) for key in product((False, True), (False, True), ("real", "float64")))
