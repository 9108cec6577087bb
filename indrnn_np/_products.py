"""Matrix products on the GPU, C = A B of row-major matrices or their transposes, and the sums of columns.

Products have two twins. cuBLAS (_cublas.py) is taken where it is found. The tiled kernel below needs no library, runs
in the simulator too, and is several times slower. `product_library()` says which one is live, `use` chooses.

A block of EDGE x EDGE threads computes SIDE x SIDE elements of C, each thread EACH x EACH of them, whose sums stay in
registers. DEPTH terms at a time come through shared memory, loaded by neighbouring threads from neighbouring addresses
whatever is transposed. A sum runs in the arrays' dtype over RUN terms and from there in float64.

Few elements with many terms (dW = daᵀ x, terms over T·B) are few blocks: there the terms are cut into segments, whose
number depends on the sizes alone, and their sums are added in order by a second kernel. Two runs give equal bits.
"""

from __future__ import annotations

import functools
import math
from itertools import product
from typing import Any

import numpy as np

from . import _check, _cublas, _device
from ._cuda import SIMULATED, Kernel, cuda, device, kernel, lesser
from ._device import DeviceArray

EDGE, EACH, DEPTH = (2, 8, 8) if SIMULATED else (16, 4, 16)  # threads are slow in the simulator
THREADS, SIDE = EDGE * EDGE, EDGE * EACH
PITCH = SIDE + 1  # of a tile's rows: threads that write down a column shall not meet in one memory bank
RUN = 64 * DEPTH
SEGMENT = 512  # terms, at least
BLOCKS = 1024  # that segments make up: more than a GPU has under way, and at most 32 MiB of sums

_chosen: list[_cublas.Cublas | None] = []  # None: the tiled kernel


def matmul(
    a: DeviceArray, b: DeviceArray, out: DeviceArray, transpose_a: bool = False, transpose_b: bool = False
) -> None:
    """Fill `out` (M, N) with A B.

    a, b
        A (M, K) and B (K, N), or Aᵀ (K, M) with transpose_a, and Bᵀ (N, K) with transpose_b.
    """
    M, K = a.shape[::-1] if transpose_a else a.shape
    N = b.shape[0 if transpose_b else 1]
    _check.matches("matmul", "b", b, (N, K) if transpose_b else (K, N), "a", a)
    _check.shape("matmul", "out", out, (M, N), f"to match a with shape {a.shape} and b with shape {b.shape}")
    library = _library()
    if library is not None and M * N * K:
        library.matmul(a, b, out, transpose_a, transpose_b)
    elif M * N:
        _tiled(a, b, out, K, transpose_a, transpose_b)


def column_sums(a: DeviceArray, out: DeviceArray) -> None:
    """Fill `out` (columns,) with the sums over the rows of a (rows, columns), added in float64."""
    rows, columns = a.shape
    parts = max(1, math.isqrt(rows))  # about as many as a part has rows, which is the shortest way
    sums = _device.empty((parts, columns), np.float64)
    columns_kernel(parts * columns, _flat(a), rows, columns, -(-rows // parts), _flat(sums))
    add_kernel(columns, _flat(sums), parts, out)


def use(name: str) -> None:
    """Compute products by "cublas" or by the "tiled" kernel from now on.

    Raises
    ------
    RuntimeError
        If cuBLAS cannot be used; the message says what to install.
    """
    _check.choice("products", "name", name, ("cublas", "tiled"))
    _chosen[:] = [_cublas.require() if name == "cublas" else None]


def tf32(on: bool) -> None:
    """Let cuBLAS multiply float32 in TF32: faster, with 10 of the 23 bits behind the point. Off unless asked for.

    Raises
    ------
    RuntimeError
        If cuBLAS cannot be used; the message says what to install.
    """
    library = _cublas.require() if on else _library()
    if library is not None:
        library.tf32(on)


def product_library() -> str:
    """What computes products: "cuBLAS 13.1.0", or "tiled kernel"."""
    return str(_library() or "tiled kernel")


def _library() -> _cublas.Cublas | None:
    if not _chosen:
        _chosen.append(_cublas.find()[0])
    return _chosen[0]


def _tiled(a: Any, b: Any, out: Any, K: int, transpose_a: bool, transpose_b: bool) -> None:
    M, N = out.shape
    tiles = -(-M // SIDE) * -(-N // SIDE)
    length, segments = segments_of(tiles, K)
    whole = segments == 1
    run = tiled_kernel(transpose_a, transpose_b, "real" if whole else "float64")
    sums = out if whole else _device.empty((segments, M, N), np.float64)
    run.launch(segments * tiles, THREADS, _flat(a), _flat(b), _flat(sums), M, N, K, length)
    if not whole:
        add_kernel(M * N, _flat(sums), segments, _flat(out))


def segments_of(tiles: int, K: int) -> tuple[int, int]:
    """Of K terms, for so many tiles of C: how many terms a segment has, and how many segments there are."""
    wanted = max(1, min(BLOCKS // tiles, K // SEGMENT))
    length = max(1, -(-K // (wanted * DEPTH))) * DEPTH
    return length, max(1, -(-K // length))


def _flat(array: DeviceArray) -> DeviceArray:
    return array.reshape(array.size)


@functools.cache
def loader(terms_first: bool) -> Any:
    """tile[k, i] = term start + k of line first + i of a matrix, 0 from line `size` and term `stop` on.

    Lines are rows of A and columns of B. terms_first: side by side in memory are terms of one line, not lines.
    """

    @device
    def load(tile, matrix, width, first, size, start, stop):  # type: ignore[no-untyped-def]
        row, column, zero = cuda.threadIdx.x // EDGE, cuda.threadIdx.x % EDGE, matrix.dtype.type(0)
        for m in range(DEPTH // EDGE):
            for n in range(EACH):
                k = m * EDGE + (column if terms_first else row)
                i = n * EDGE + (row if terms_first else column)
                p = (first + i) * width + start + k if terms_first else (start + k) * width + first + i
                inside = first + i < size and start + k < stop
                tile[np.uint64(k), np.uint64(i)] = matrix[np.uint64(p)] if inside else zero

    return load


@functools.cache
def tiled_kernel(transpose_a: bool, transpose_b: bool, target: str) -> Kernel:
    """out[s] = A B over the terms of segment s: C itself ("real"), or sums that are yet to be added ("float64")."""
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
    """sums[p, j] = the sum of column j over `length` rows from row p · length on."""
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
    """out = the sum of `parts` arrays of its size that stand behind each other, in their order."""
    n = cuda.grid(1)
    if n >= out.size:
        return
    total, p = np.float64(0), n
    for _ in range(parts):
        total += sums[np.uint64(p)]
        p += out.size
    out[n] = total


def kernels() -> Any:
    """Every kernel, in every variant."""
    yield from (columns_kernel, add_kernel)
    yield from (tiled_kernel(*given) for given in product((False, True), (False, True), ("real", "float64")))
