"""Where the first NaN or Inf stands."""

import importlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import dtypes, each_backend, each_gpu, seeds

from indrnn_np import backend as backends


@each_backend
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@given(seed=seeds, shape=st.sampled_from([(1,), (7,), (3, 5), (2, 3, 17)]), dtype=dtypes)
def test_the_first_of_several(ops, bad, seed, shape, dtype):
    rng = np.random.default_rng(seed)
    a = rng.standard_normal(shape).astype(dtype)
    assert ops.finite.first(a) == -1
    places = np.sort(rng.integers(0, a.size, 2))
    a.flat[places] = [bad, np.nan]
    if places[0] == places[1]:
        a.flat[places[0]] = bad
    assert ops.finite.first(a) == places[0]
    assert isinstance(ops.finite.first(a), int)


@pytest.mark.parametrize("places", [(0,), (4095,), (4096, 9000), (8191, 8192), (9001,)])
def test_long_arrays(backend, places):
    """The compiled twin looks at blocks of 4096 elements."""
    ops = backends.get(backend)
    for dtype in (np.float32, np.float64):
        a = np.zeros(9002, dtype)
        a[list(places)] = np.inf
        assert ops.finite.first(a) == min(places)


@each_backend
def test_the_largest_numbers_are_finite(ops):
    for dtype in (np.float32, np.float64):
        largest = np.finfo(dtype).max
        assert ops.finite.first(np.array([largest, -largest, 0], dtype)) == -1
    assert ops.finite.first(np.zeros((0, 3))) == -1


@each_gpu
@pytest.mark.parametrize("places", [(0, 199), (199,), (86, 87, 150), (40, 44)])
def test_several_rounds_of_threads(ops, monkeypatch, places):
    """Five threads, eight elements a round: a hit of a later thread in an earlier round, or of one in two rounds."""
    monkeypatch.setattr(importlib.import_module("indrnn_np.ops.finite.cuda"), "THREADS", 5)
    a = np.zeros(200, np.float32)
    a[list(places)] = np.nan
    assert ops.finite.first(a) == min(places)
    assert ops.finite.first(np.zeros(201)) == -1
