"""The cell's products by tiles: numbers, bits, what is written and what is not; which W has tiles at all."""

import itertools

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tile_kinds import each_kind, needs_tiles, only
from tolerances import assert_close

from indrnn_np import _machine
from indrnn_np._cpu import tiles
from indrnn_np.ops.indrnn import tiled_products
from indrnn_np.ops.indrnn.blas_loop import columns_times, right_factor, rows_times

DTYPES = ("float32", "float64")
EDGE = 5  # numbers before an array that starts at no round address, and behind it


def framed(shape, dtype, value=np.nan):
    """An array full of `value` inside a larger one of sevens."""
    whole = np.full(np.prod(shape, dtype=int) + 2 * EDGE, 7, dtype)
    inner = whole[EDGE:-EDGE].reshape(shape)
    inner[...] = value
    return whole, inner


def drawn(rng, shape, dtype):
    _, array = framed(shape, dtype)
    array[...] = rng.standard_normal(shape)
    return array


def assert_frame(whole):
    assert (whole[:EDGE] == 7).all() and (whole[-EDGE:] == 7).all()


each_dtype = pytest.mark.parametrize("dtype", DTYPES)
rows = st.integers(1, 300)
sides = st.sampled_from([(64, 32), (19, 71), (tiled_products.TERMS + 3, 17)])  # of whole tiles, and not
seeds = st.integers(0, 2**32)


@each_kind
@needs_tiles
@each_dtype
@given(rows, sides, seeds)
def test_rows_times(vectors, dtype, M, sides, seed):
    (k, n), rng = sides, np.random.default_rng(seed)
    with only(vectors):
        a, b = drawn(rng, (M, k), dtype), drawn(rng, (k, n), dtype)
        assert tiled_products.tile_for(b.shape, b.itemsize) is not None
        whole, out = framed((M, n), dtype)
        rows_times(a, right_factor(b), out)
        assert_close(out, (a.astype(np.float64) @ b).astype(dtype), scale=4)
        assert_frame(whole)


@each_kind
@needs_tiles
@each_dtype
@pytest.mark.parametrize("add", [False, True])
@given(rows, sides, seeds)
def test_columns_times(vectors, add, dtype, R, sides, seed):
    (h, d), rng = sides, np.random.default_rng(seed)
    with only(vectors):
        a, b = drawn(rng, (R, h), dtype), drawn(rng, (R, d), dtype)
        before = rng.standard_normal((h, d)) if add else 0
        whole, out = framed((h, d), dtype)
        if add:
            out[...] = before
        columns_times(a, b, out, add, np.empty_like(out))
        assert_close(out, (a.T.astype(np.float64) @ b + before).astype(dtype), scale=4)
        assert_frame(whole)


@each_kind
@needs_tiles
@each_dtype
def test_rows_have_the_same_bits_in_whatever_company(vectors, dtype):
    with only(vectors):
        tile, rng = tiles.size(np.dtype(dtype).itemsize), np.random.default_rng(0)
        a, b = drawn(rng, (200, 131), dtype), drawn(rng, (131, 37), dtype)
        whole, part = (np.empty((200, 37), dtype) for _ in range(2))
        rows_times(a, b, whole)
        for edges in ([0, 200], [0, tile.rows, 200], [0, 61, 61 + tile.rows + 1, 150, 200]):
            for first, last in itertools.pairwise(edges):
                rows_times(a[first:last], b, part[first:last])
            assert part.tobytes() == whole.tobytes()


@each_kind
@needs_tiles
@each_dtype
def test_what_is_no_number_stays_in_its_row_and_column(vectors, dtype):
    with only(vectors):
        columns = 35
        a, b = np.ones((50, columns), dtype), np.ones((columns, columns), dtype)
        a[13, 2], b[5, 7] = np.nan, np.inf
        out, dW = np.empty((50, columns), dtype), np.empty((columns, columns), dtype)
        rows_times(a, b, out)
        assert np.isnan(out[13]).all() and np.isfinite(np.delete(np.delete(out, 13, 0), 7, 1)).all()
        assert np.isinf(np.delete(out[:, 7], 13)).all()
        columns_times(a, np.ones_like(out), dW, False, None)
        assert np.isnan(dW[2]).all() and np.isfinite(np.delete(dW, 2, 0)).all()


@each_dtype
@pytest.mark.parametrize("shape", [(15, 64), (64, 15), (1, 1), (0, 32), (32, 0), (2048, 2048)])
@pytest.mark.parametrize("M", [0, 1, 20])
def test_others_are_multiplied_by_blas(shape, M, dtype):
    H, D = shape
    assert tiled_products.tile_for(shape, np.dtype(dtype).itemsize) is None
    rng = np.random.default_rng(0)
    a, W, x = (rng.standard_normal(s).astype(dtype) for s in ((M, H), (H, D), (M, D)))
    out, dW = np.full((M, D), np.nan, dtype), np.full((H, D), np.nan, dtype)
    rows_times(a, right_factor(W), out)
    assert out.tobytes() == np.matmul(a, W).tobytes() and right_factor(W) is W
    columns_times(a, x, dW, False, None)
    assert_close(dW, (a.T.astype(np.float64) @ x).astype(dtype), scale=4)
    columns_times(a, x, dW, True, np.full_like(dW, np.nan))
    assert_close(dW, (2 * (a.T.astype(np.float64) @ x)).astype(dtype), scale=4)


@each_kind
@needs_tiles
def test_few_rows_are_multiplied_by_blas(vectors):
    with only(vectors):
        tile, rng = tiles.size(4), np.random.default_rng(0)
        b = rng.standard_normal((tile.columns, tile.columns), np.float32)
        for M in range(tile.rows):
            a, out = (
                rng.standard_normal((M, tile.columns), np.float32),
                np.empty((M, tile.columns), np.float32),
            )
            rows_times(a, b, out)
            assert out.tobytes() == np.matmul(a, b).tobytes()
        dW = np.full_like(b, np.nan)
        columns_times(
            np.empty((0, tile.columns), np.float32), np.empty((0, tile.columns), np.float32), dW, False, None
        )
        assert not dW.any()


def test_a_cpu_without_known_vectors_has_no_tiles(monkeypatch):
    monkeypatch.setattr(tiles, "_features", dict)
    tiled_products.tile_for.cache_clear()
    assert tiles.size(4) is None and tiled_products.tile_for((128, 128), 4) is None
    tiled_products.tile_for.cache_clear()


@needs_tiles
def test_w_has_to_lie_in_its_share_of_the_l2_cache(monkeypatch):
    for L2, side in ((2**20, 362), (2**18, 181)):
        monkeypatch.setattr(_machine, "caches", lambda L2=L2: {"L2": L2})
        tiled_products.tile_for.cache_clear()
        assert tiled_products.tile_for((side, side), 4) is not None
        assert tiled_products.tile_for((side + 1, side), 4) is None
    tiled_products.tile_for.cache_clear()


@each_kind
@needs_tiles
@each_dtype
@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("empty", [0, 3], ids=["whole", "narrow"])
def test_sums_stay_in_registers(vectors, empty, transpose_a, dtype):
    """In the assembly: as many multiply-adds of vectors a term as the tile has, and no stack between them."""
    with only(vectors):
        itemsize = np.dtype(dtype).itemsize
        tile = tiles.size(itemsize)
        made = tiled_products.tile_kernel(tile.rows, not empty, tile.width, itemsize, transpose_a)
        options = {name: value for name, value in made.targetoptions.items() if name != "nopython"}
        fresh = numba.njit(**options)(made.py_func)
        arrays, line = [np.zeros((tile.rows, 64), dtype) for _ in range(3)], 64 * itemsize
        a, b, c = (array.ctypes.data for array in arrays)
        fresh(a, b, c, 5, True, a, b, 0, tile.columns - empty, line, line, line)
        (text,) = fresh.inspect_asm().values()
        register = {64: "%zmm", 32: "%ymm"}[tile.width * itemsize]
        lines = text.splitlines()
        places = [i for i, line in enumerate(lines) if "vfmadd" in line and register in line]
        of_a_term = tile.rows * tiles.VECTORS
        assert len(places) % of_a_term == 0 and places
        for first in range(0, len(places), of_a_term):
            between = lines[places[first] : places[first + of_a_term - 1]]
            assert not [line for line in between if "(%rsp" in line]
        assert "prefetch" in text
