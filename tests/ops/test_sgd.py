"""SGD on a flat array: by hand, against the reference, and down to known minima."""

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

SETTINGS = [
    {"lr": 0.1},
    {"lr": 0.05, "momentum": 0.9},
    {"lr": 0.05, "momentum": 0.9, "nesterov": True},
    {"lr": 0.05, "momentum": 0.5, "weight_decay": 1e-6},
    {"lr": 0.05, "momentum": 0.5, "nesterov": True, "weight_decay": 1e-6},
]
each_setting = pytest.mark.parametrize("settings", SETTINGS, ids=str)


@each_backend
@each_dtype
@pytest.mark.parametrize(
    "settings, p1, p2",
    [
        ({}, [0.5, 2], [0, 2]),
        ({"momentum": 0.5}, [0.5, 2], [-0.25, 2]),
        ({"momentum": 0.5, "nesterov": True}, [0.25, 2], [-0.625, 2]),
        ({"weight_decay": 1.0}, [0, 1], [-0.5, 0.5]),
    ],
    ids=str,
)
def test_two_steps_by_hand(ops, dtype, settings, p1, p2):
    """lr = 1/2, gradient (1, 0) twice, from p = (1, 2)."""
    p, g, m = np.array([1, 2], dtype), np.array([1, 0], dtype), np.zeros(2, dtype)
    ops.sgd.update(p, g, m, 0.5, **settings)
    assert p.tolist() == p1
    ops.sgd.update(p, g, m, 0.5, **settings)
    assert p.tolist() == p2
    assert g.tolist() == [1, 0]


@each_twin
@given(
    seed=seeds, P=st.sampled_from([1, 2, 7, 64, 129]), dtype=dtypes, momentum=st.sampled_from([0.0, 0.9]),
    nesterov=st.booleans(), weight_decay=st.sampled_from([0.0, 0.1]), masked=st.booleans(), rated=st.booleans(),
)  # fmt: skip
def test_twin_equals_reference(ops, seed, P, dtype, momentum, nesterov, weight_decay, masked, rated):
    rng = np.random.default_rng(seed)
    p, g, m, mask = rng.standard_normal((4, P)).astype(dtype)
    decay = (mask > 0).astype(dtype) if masked else None
    rate = np.abs(mask) if rated else None
    mine, theirs = (p.copy(), m.copy()), (p.copy(), m.copy())
    for _ in range(3):
        ops.sgd.update(mine[0], g, mine[1], 0.1, momentum, nesterov, weight_decay, decay, rate)
        REFERENCE.sgd.update(theirs[0], g, theirs[1], 0.1, momentum, nesterov, weight_decay, decay, rate)
    for name, one, other in zip("pm", mine, theirs, strict=True):
        assert_sums_close(one, other, [np.abs(p).max() + np.abs(g).max()], name)


@each_host
@each_dtype
@each_setting
def test_the_minimum_of_a_quadratic(ops, dtype, settings):
    curvature, target = np.array([1, 4, 0.5], dtype), np.array([1, -2, 3], dtype)
    p, m = np.zeros(3, dtype), np.zeros(3, dtype)
    for _ in range(500):
        ops.sgd.update(p, curvature * (p - target), m, **settings)
    assert np.abs(p - target).max() < 1e-4


@each_host
@each_setting
def test_the_valley_of_rosenbrock(ops, settings):
    p, m = np.array([-1.2, 1.0]), np.zeros(2)
    settings = {**settings, "lr": settings["lr"] / 50}
    for _ in range(6000):
        x, y = p
        g = np.array([-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)])
        ops.sgd.update(p, g, m, **settings)
    assert np.abs(p - 1).max() < 0.05


@each_backend
def test_decay_reaches_the_marked_elements_only(ops):
    p, g, m = np.ones(3), np.zeros(3), np.zeros(3)
    ops.sgd.update(p, g, m, 0.1, weight_decay=0.5, decay=np.array([1.0, 0.0, 1.0]))
    assert p.tolist() == [0.95, 1, 0.95]


@each_backend
def test_a_gradient_that_is_the_parameter_itself_is_refused(ops):
    p = np.ones(4)
    for g, m, name in ((p, np.zeros(4), "g"), (np.zeros(4), p, "m")):
        with pytest.raises(
            ValueError, match=rf"sgd\.update: {name} shares memory with p, expected a separate array"
        ):
            ops.sgd.update(p, g, m, 0.1)
