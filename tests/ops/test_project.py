"""The projection of the recurrent weight into [-bound, bound]."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import dtypes, each_backend, each_dtype, seeds


@each_backend
@each_dtype
def test_literal_values(ops, dtype):
    u = np.array([-3, -1.25, -0.5, 0, 1.25, 2, np.inf, np.nan], dtype)
    assert ops.project.project(u, 1.25) is None
    assert u[:-1].tolist() == [-1.25, -1.25, -0.5, 0, 1.25, 1.25, 1.25]
    assert np.isnan(u[-1])


@each_backend
@given(seed=seeds, bound=st.sampled_from([0.1, 1.0, 2 ** (1 / 784), 2 ** (1 / 5000)]), dtype=dtypes)
def test_it_keeps_signs_is_symmetric_and_done_once(ops, seed, bound, dtype):
    u = np.random.default_rng(seed).normal(0, 2, 33).astype(dtype)
    once, mirrored = u.copy(), -u
    ops.project.project(once, bound)
    ops.project.project(mirrored, bound)
    assert np.array_equal(-mirrored, once)
    assert np.array_equal(np.sign(once), np.sign(u))
    inside = np.abs(u) < bound
    assert np.array_equal(once[inside], u[inside])
    assert np.abs(once).max() <= np.dtype(dtype).type(bound)
    again = once.copy()
    ops.project.project(again, bound)
    assert np.array_equal(again, once)


@each_backend
@pytest.mark.parametrize("bound", [0.0, -1.0, float("nan")])
def test_bounds_are_above_zero(ops, bound):
    with pytest.raises(ValueError, match=r"project\.project: bound is .*, expected a number above 0"):
        ops.project.project(np.ones(2), bound)
