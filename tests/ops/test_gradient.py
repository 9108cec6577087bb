"""The norm of a flat gradient and the two ways to clip it."""

import importlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import REFERENCE, dtypes, each_backend, each_dtype, each_gpu, each_twin, seeds
from tolerances import TOLERANCE, assert_close

sizes = st.sampled_from([1, 2, 7, 64, 1001])


@each_backend
@each_dtype
def test_literal_values(ops, dtype):
    g = np.array([3, 0, -4], dtype)
    assert ops.gradient.norm(g) == 5
    assert ops.gradient.clip_norm(g, 5) == 5 and g.tolist() == [3, 0, -4]
    assert ops.gradient.clip_norm(g, 2.5) == 5 and g.tolist() == [1.5, 0, -2]
    ops.gradient.clip_value(g, 1.75)
    assert g.tolist() == [1.5, 0, -1.75]
    assert ops.gradient.norm(np.zeros(0, dtype)) == 0


@each_twin
@given(seed=seeds, P=sizes, dtype=dtypes, limit=st.sampled_from([1e-3, 1.0, 1e3]))
def test_twin_equals_reference(ops, seed, P, dtype, limit):
    g = np.random.default_rng(seed).standard_normal(P).astype(dtype)
    assert ops.gradient.norm(g) == pytest.approx(REFERENCE.gradient.norm(g), rel=1e-12)
    mine, theirs = g.copy(), g.copy()
    before = ops.gradient.clip_norm(mine, limit)
    assert before == pytest.approx(REFERENCE.gradient.clip_norm(theirs, limit), rel=1e-12)
    assert_close(mine, theirs)
    assert ops.gradient.norm(mine) <= limit * (1 + TOLERANCE[dtype])
    mine, theirs = g.copy(), g.copy()
    ops.gradient.clip_value(mine, limit)
    REFERENCE.gradient.clip_value(theirs, limit)
    assert np.array_equal(mine, theirs) and np.abs(mine).max() <= mine.dtype.type(limit)


@each_backend
def test_the_norm_is_accumulated_in_float64(ops):
    g = np.full(200_000, 0.1, np.float32)
    assert ops.gradient.norm(g) == pytest.approx(float(np.float32(0.1)) * np.sqrt(200_000), rel=1e-9)
    assert ops.gradient.norm(np.array([3e30, 4e30], np.float32)) == pytest.approx(5e30)


@each_gpu
@pytest.mark.parametrize("P", [0, 1, 6, 7, 200])
def test_sums_in_several_rounds(ops, monkeypatch, P):
    for name, size in (("PARTS", 7), ("FOLD", 3)):
        monkeypatch.setattr(importlib.import_module("indrnn_np.ops.gradient.cuda"), name, size)
    g = np.random.default_rng(0).standard_normal(P)
    assert ops.gradient.norm(g) == pytest.approx(REFERENCE.gradient.norm(g), rel=1e-12)


@each_backend
def test_nan_and_inf_show(ops):
    g = np.array([1.0, np.nan, 5.0])
    assert np.isnan(ops.gradient.norm(g))
    assert np.isnan(ops.gradient.clip_norm(g, 1.0))
    ops.gradient.clip_value(g, 2.0)
    assert g[0] == 1 and np.isnan(g[1]) and g[2] == 2
    assert ops.gradient.norm(np.array([1.0, -np.inf])) == np.inf


@each_backend
@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan")])
@pytest.mark.parametrize("name", ["clip_norm", "clip_value"])
def test_limits_are_above_zero(ops, name, limit):
    with pytest.raises(ValueError, match=rf"gradient\.{name}: limit is .*, expected a number above 0"):
        getattr(ops.gradient, name)(np.ones(2), limit)
