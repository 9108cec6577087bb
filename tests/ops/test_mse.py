"""L = mean (y - target)², over all elements or those that a mask counts."""

import numpy as np
import pytest
from differences import assert_gradients
from hypothesis import given
from hypothesis import strategies as st
from strategies import REFERENCE, dtypes, each_backend, each_dtype, each_twin, seeds
from tolerances import TOLERANCE, assert_close, nan_filled

from indrnn_np.ops.mse import cuda


@st.composite
def problems(draw, dtypes=dtypes):
    rng = np.random.default_rng(draw(seeds))
    shape = draw(st.sampled_from([(1, 1), (5, 2), (1, 1, 1), (7, 3, 2), (33, 1, 5)]))
    y, target = rng.standard_normal((2, *shape)).astype(draw(dtypes))
    mask = None
    if draw(st.booleans()):
        mask = rng.random(shape[:-1]) < 0.5
        mask.flat[rng.integers(mask.size)] = True
    return rng, y, target, mask


@each_backend
@each_dtype
def test_literal_values(ops, dtype):
    y, target = np.array([[1, 2], [3, 4]], dtype), np.array([[0, 2], [5, 1]], dtype)
    loss, dy = ops.mse.loss(y, target)
    assert loss == (1 + 0 + 4 + 9) / 4 and type(loss) is float
    assert dy.tolist() == [[0.5, 0], [-1, 1.5]]
    loss, dy = ops.mse.loss(y, target, np.array([False, True]))
    assert loss == 13 / 2
    assert dy.tolist() == [[0, 0], [-2, 3]]


@each_twin
@given(problem=problems())
def test_twin_equals_reference(ops, problem):
    _, y, target, mask = problem
    out = nan_filled(y.shape, y.dtype)
    loss, dy = ops.mse.loss(y, target, mask, out)
    expected, dy_expected = REFERENCE.mse.loss(y, target, mask)
    assert dy is out
    assert loss == pytest.approx(expected, rel=TOLERANCE[y.dtype.name])
    assert_close(dy, dy_expected)


@given(problem=problems(dtypes=st.just("float64")))
def test_reference_against_differences(problem):
    rng, y, target, mask = problem
    dy = REFERENCE.mse.loss(y, target, mask)[1]
    assert_gradients(lambda y: REFERENCE.mse.loss(y, target, mask)[0], {"y": y}, {"y": dy}, rng)


@each_backend
def test_many_small_terms_are_summed_exactly(ops):
    y = np.full((5000, 1), 0.1, np.float32)
    assert ops.mse.loss(y, np.zeros_like(y))[0] == pytest.approx(float(np.float32(0.1)) ** 2, rel=1e-7)


@each_twin
@given(problem=problems())
def test_few_walkers_take_several_elements_each(ops, problem):
    """A GPU's walkers are as many as fill it; here there are 4."""
    _, y, target, mask = problem
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cuda, "THREADS", 4)
        loss, dy = ops.mse.loss(y, target, mask)
    expected, dy_expected = REFERENCE.mse.loss(y, target, mask)
    assert loss == pytest.approx(expected, rel=TOLERANCE[y.dtype.name])
    assert_close(dy, dy_expected)


@each_backend
def test_what_is_not_counted_is_not_read(ops):
    y, target = np.array([[1.0], [np.nan]]), np.array([[0.0], [np.inf]])
    loss, dy = ops.mse.loss(y, target, np.array([True, False]))
    assert loss == 1 and dy.tolist() == [[2], [0]]
    assert np.isnan(ops.mse.loss(y, target)[0])


@each_backend
def test_errors(ops):
    y = np.zeros((2, 3))
    with pytest.raises(
        ValueError, match=r"mse\.loss: target has shape \(2,\), expected \(2, 3\) to match y with shape"
    ):
        ops.mse.loss(y, np.zeros(2))
    with pytest.raises(ValueError, match=r"mse\.loss: target has dtype float32, expected float64 to match y"):
        ops.mse.loss(y, y.astype("float32"))
    with pytest.raises(ValueError, match=r"mse\.loss: no element is counted, expected at least one"):
        ops.mse.loss(y, y, np.zeros(2, bool))
    with pytest.raises(ValueError, match=r"mse\.loss: no element is counted"):
        ops.mse.loss(np.zeros((0, 3)), np.zeros((0, 3)))
    with pytest.raises(ValueError, match=r"mse\.loss: mask has dtype int64, expected bool"):
        ops.mse.loss(y, y, np.ones(2, np.int64))
