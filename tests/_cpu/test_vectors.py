"""Vectors in kernels: lanes outside of the mask are neither read nor written, and lanes equal single calls."""

import numpy as np
import pytest
from tile_kinds import needs_tiles

from indrnn_np._cpu.jit import AS_WRITTEN, njit
from indrnn_np._cpu.vectors import fill, lanes, load, map_lanes, store

pytestmark = needs_tiles

WIDTH = 16


@njit(rounding=AS_WRITTEN)
def step(x, y, number):
    return number if x < y else x * y + number


@njit(rounding=AS_WRITTEN)
def kernel(x, y, number, out, first, count):
    mask = lanes(count, WIDTH)
    results = map_lanes(step, (load(x, first, mask), load(y, 0, mask), number))
    store(out, first, mask, results)
    store(out, len(x), mask, fill(mask, number))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("count", [0, 1, 7, WIDTH])
def test_lanes_of_the_mask(dtype, count):
    rng, first = np.random.default_rng(count), 3
    x, y = (rng.standard_normal(size).astype(dtype) for size in (first + WIDTH, count))
    number, out = y.dtype.type(0.5), np.full(len(x) + WIDTH, 9, dtype)
    kernel(x, y, number, out, first, count)
    expected = np.full_like(out, 9)
    expected[first : first + count] = [step(a, b, number) for a, b in zip(x[first:], y, strict=False)]
    expected[len(x) : len(x) + count] = number
    assert out.tobytes() == expected.tobytes()


@njit
def widen(total, x):
    return total + x


@njit
def add(total, x):
    mask = lanes(len(x), WIDTH)
    store(total, 0, mask, map_lanes(widen, (load(total, 0, mask), load(x, 0, mask))))


def test_a_function_of_two_dtypes():
    total, x = np.arange(5.0), np.full(5, 1 / 3, "float32")
    add(total, x)
    assert total.tolist() == (np.arange(5.0) + x.astype("float64")).tolist()
