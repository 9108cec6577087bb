"""Dropout: one mask for all steps, a function of (seed, layer, iteration)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import REFERENCE, dtypes, each_backend, each_dtype, each_host, each_twin, seeds
from tolerances import nan_filled

KEY = (7, 1, 3)
rates = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1 - 2.0**-53])
# A GPU thread takes 32 steps, 8 loaded together: of 75 steps there are two whole runs and a part of a third.
shapes = st.sampled_from(
    [(1, 1, 1), (5, 3, 7), (2, 1, 17), (3, 5), (1, 33), (75, 1, 3), (32, 2, 2), (0, 2, 3), (2, 0, 3)]
)


@each_backend
@each_dtype
def test_literal_values(ops, dtype):
    """The words of the key decide: kept where word >= rate · 2^32."""
    words = ops.random.bits(KEY, 6).reshape(2, 3)
    x = np.arange(1, 13, dtype=dtype).reshape(2, 2, 3)
    kept = words >= 2**31
    assert 0 < kept.sum() < 6
    for f in (ops.dropout.forward, ops.dropout.backward):
        assert np.array_equal(f(x, 0.5, KEY), np.where(kept, 2 * x, 0))
        assert np.array_equal(f(x[0], 0.5, KEY), np.where(kept, 2 * x[0], 0))


@each_twin
@given(seed=seeds, shape=shapes, rate=rates, dtype=dtypes)
def test_twin_equals_reference(ops, seed, shape, rate, dtype):
    x = np.random.default_rng(seed).standard_normal(shape).astype(dtype)
    for name in ("forward", "backward"):
        out = nan_filled(shape, dtype)
        y = getattr(ops.dropout, name)(x, rate, (seed, 2, 5), out)
        assert y is out
        assert np.array_equal(y, getattr(REFERENCE.dropout, name)(x, rate, (seed, 2, 5)))


@each_backend
@given(seed=seeds, rate=rates)
def test_it_is_linear_so_backward_is_its_transpose(ops, seed, rate):
    rng = np.random.default_rng(seed)
    x, dy = rng.standard_normal((2, 4, 3, 5))
    forward = np.sum(ops.dropout.forward(x, rate, KEY) * dy)
    assert forward == pytest.approx(np.sum(x * ops.dropout.backward(dy, rate, KEY)), abs=1e-9)


@each_twin
@each_dtype
def test_in_place(ops, dtype):
    x = np.random.default_rng(0).standard_normal((43, 2, 3)).astype(dtype)
    expected = REFERENCE.dropout.forward(x, 0.5, KEY)
    ops.dropout.forward(x, 0.5, KEY, out=x)
    assert np.array_equal(x, expected)


@each_backend
def test_nan_is_not_dropped(ops):
    """0 · NaN is NaN: a diverging run shows, whatever the mask."""
    assert np.isnan(ops.dropout.forward(np.full((3, 2, 8), np.nan), 0.5, KEY)).all()


@each_backend
def test_rate_zero_changes_nothing(ops):
    x = np.random.default_rng(0).standard_normal((3, 2, 4))
    assert np.array_equal(ops.dropout.forward(x, 0.0, KEY), x)


@each_host
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_the_share_that_is_dropped(ops, rate):
    n = 200_000
    y = ops.dropout.forward(np.ones((1, n)), rate, KEY)
    dropped = np.mean(y == 0)
    assert abs(dropped - rate) < 5 * np.sqrt(rate * (1 - rate) / n)
    assert np.allclose(y[y != 0], 1 / (1 - rate), rtol=1e-12)


@each_backend
def test_the_mask_is_that_of_the_key_in_every_dtype(ops):
    def mask(key, dtype="float64"):
        return ops.dropout.forward(np.ones((2, 64), dtype), 0.5, key) != 0

    assert np.array_equal(mask(KEY), mask(KEY, "float32"))
    for other in ((8, 1, 3), (7, 2, 3), (7, 1, 4)):
        assert 0.25 < np.mean(mask(KEY) != mask(other)) < 0.75


@each_backend
@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5, float("nan")])
def test_impossible_rates(ops, rate):
    with pytest.raises(
        ValueError, match=r"dropout\.\w+: rate is .*, expected a number from 0\.0 to below 1\.0"
    ):
        ops.dropout.forward(np.ones((2, 3)), rate, KEY)
