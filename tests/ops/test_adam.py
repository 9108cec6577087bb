"""Adam on a flat array: by hand, against the reference, and down to known minima."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import (
    REFERENCE,
    assert_sums_close,
    dtypes,
    each_backend,
    each_dtype,
    each_host,
    each_twin,
    seeds,
)
from tolerances import assert_close

SETTINGS = [
    {"lr": 0.05},
    {"lr": 0.05, "b1": 0.0},
    {"lr": 0.05, "b1": 0.8, "b2": 0.99},
    {"lr": 0.05, "weight_decay": 1e-6},
    {"lr": 0.05, "weight_decay": 1e-6, "decoupled": True},
]
each_setting = pytest.mark.parametrize("settings", SETTINGS, ids=str)


def state(P, dtype="float64"):
    return np.zeros(P, dtype), np.zeros(P, dtype)


@each_backend
@each_dtype
def test_two_steps_by_hand(ops, dtype):
    """b1 = b2 = 1/2, lr = 1, the smallest eps, gradient 4 then 2."""
    p, (m, v) = np.array([10.0], dtype), state(1, dtype)
    ops.adam.update(p, np.array([4.0], dtype), m, v, 1, 1.0, 0.5, 0.5, np.finfo(dtype).tiny)
    assert (m[0], v[0], p[0]) == (2, 8, 9)  # m̂ = 4, v̂ = 16
    ops.adam.update(p, np.array([2.0], dtype), m, v, 2, 1.0, 0.5, 0.5, np.finfo(dtype).tiny)
    assert (m[0], v[0]) == (2, 6)  # m̂ = 2 / (3/4), v̂ = 8
    assert_close(p, np.array([9 - 8 / 3 / np.sqrt(8)], dtype))


@each_backend
@each_dtype
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e4])
def test_the_first_step_has_the_size_of_lr(ops, dtype, size):
    p, (m, v) = np.zeros(4, dtype), state(4, dtype)
    g = (size * np.array([1, -2, 3, 0])).astype(dtype)
    ops.adam.update(p, g, m, v, 1, 0.25)
    assert np.abs(p - np.array([-0.25, 0.25, -0.25, 0])).max() < 1e-5


@each_twin
@given(
    seed=seeds, P=st.sampled_from([1, 2, 7, 64, 129]), dtype=dtypes, weight_decay=st.sampled_from([0.0, 0.1]),
    decoupled=st.booleans(), masked=st.booleans(), rated=st.booleans(),
    start=st.sampled_from([1, 10, 100_000]),
)  # fmt: skip
def test_twin_equals_reference(ops, seed, P, dtype, weight_decay, decoupled, masked, rated, start):
    rng = np.random.default_rng(seed)
    p, g, m, mask = rng.standard_normal((4, P)).astype(dtype)
    v = rng.random(P).astype(dtype)
    decay = (mask > 0).astype(dtype) if masked else None
    rate = np.abs(mask) if rated else None
    mine, theirs = ([array.copy() for array in (p, m, v)] for _ in range(2))
    for t in range(start, start + 3):
        for ops_, (p_, m_, v_) in ((ops, mine), (REFERENCE, theirs)):
            ops_.adam.update(
                p_, g, m_, v_, t, 0.01, weight_decay=weight_decay, decoupled=decoupled, decay=decay, rate=rate
            )
    for name, one, other in zip("pmv", mine, theirs, strict=True):
        assert_sums_close(one, other, [np.abs(p).max() + np.abs(g).max() ** 2], name)


@each_host
@each_dtype
@each_setting
def test_the_minimum_of_a_quadratic(ops, dtype, settings):
    curvature, target = np.array([1, 4, 0.5], dtype), np.array([1, -2, 3], dtype)
    p, (m, v) = np.zeros(3, dtype), state(3, dtype)
    for t in range(1, 801):
        lr = settings["lr"] * (
            1 if t < 400 else 0.98 ** (t - 400)
        )  # Adam's steps do not shrink by themselves
        ops.adam.update(p, curvature * (p - target), m, v, t, **{**settings, "lr": lr})
    assert np.abs(p - target).max() < 1e-3


@each_host
@each_setting
def test_the_valley_of_rosenbrock(ops, settings):
    p, (m, v) = np.array([-1.2, 1.0]), state(2)
    for t in range(1, 6001):
        x, y = p
        g = np.array([-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)])
        ops.adam.update(p, g, m, v, t, **{**settings, "lr": 0.01})
    assert np.abs(p - 1).max() < 0.05


@each_backend
def test_coupled_decay_is_a_gradient_and_decoupled_decay_is_not(ops):
    p, (m, v) = np.array([2.0, -2.0, 2.0]), state(3)
    decay = np.array([1.0, 1.0, 0.0])
    ops.adam.update(p, np.zeros(3), m, v, 1, 0.1, weight_decay=0.5, decay=decay)
    assert_close(
        p, np.array([1.9, -1.9, 2]), scale=1e4
    )  # a full step of lr, whatever the coefficient; eps shows
    assert m.any()
    p, (m, v) = np.array([2.0, -2.0, 2.0]), state(3)
    ops.adam.update(p, np.zeros(3), m, v, 1, 0.1, weight_decay=0.5, decoupled=True, decay=decay)
    assert_close(p, np.array([1.9, -1.9, 2]))  # p (1 - lr weight_decay)
    assert not m.any() and not v.any()


@each_backend
@pytest.mark.parametrize("t", [0, -1])
def test_steps_count_from_one(ops, t):
    p, (m, v) = np.ones(2), state(2)
    with pytest.raises(ValueError, match=rf"adam\.update: t is {t}, expected a number of at least 1"):
        ops.adam.update(p, np.ones(2), m, v, t, 0.1)


@each_backend
def test_nan_stays_where_it_is(ops):
    p, (m, v) = np.ones(3), state(3)
    ops.adam.update(p, np.array([1.0, np.nan, 1.0]), m, v, 1, 0.1)
    assert np.isnan(p).tolist() == [False, True, False]
