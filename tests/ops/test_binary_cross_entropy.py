"""Binary cross-entropy of independent labels, with targets from 0 to 1; scipy's log_expit judges."""

import numpy as np
import pytest
from differences import assert_gradients
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, log_expit
from strategies import REFERENCE, assert_sums_close, dtypes, each_backend, each_dtype, each_twin, seeds
from tolerances import TOLERANCE, assert_close, nan_filled

from indrnn_np.ops.binary_cross_entropy import cuda


def op(ops):
    return ops.binary_cross_entropy.loss


@st.composite
def problems(draw, dtypes=dtypes):
    """Scores and targets, of which half are 0 and some are 1."""
    rng = np.random.default_rng(draw(seeds))
    shape = draw(st.sampled_from([(1, 1), (5, 2), (1, 1, 1), (7, 3, 2), (33, 1, 5)]))
    y, target = rng.standard_normal((2, *shape)).astype(draw(dtypes))
    mask = None
    if draw(st.booleans()):
        mask = rng.random(shape[:-1]) < 0.5
        mask.flat[rng.integers(mask.size)] = True
    return rng, y * y.dtype.type(draw(st.sampled_from([0.1, 1, 30]))), target.clip(0, 1), mask


def assert_gradient_close(dy, expected, mask):
    """Its terms σ(y) / n and target / n may cancel, so rounding is measured against 1 / n."""
    rows = dy[..., 0].size if mask is None else mask.sum()
    assert_sums_close(dy, expected, 1 / (rows * dy.shape[-1]))


@each_backend
@each_dtype
def test_literal_values(ops, dtype):
    y = np.log(np.array([[3, 1], [1 / 3, 1]])).astype(dtype)  # σ(y): 3/4 1/2 and 1/4 1/2
    target = np.array([[1, 0], [1, 0.5]], dtype)
    loss, dy = op(ops)(y, target)
    assert (
        loss == pytest.approx(np.log([4 / 3, 2, 4, 2]).mean(), rel=TOLERANCE[dtype]) and type(loss) is float
    )
    assert_close(dy, np.array([[-0.0625, 0.125], [-0.1875, 0]], dtype))
    loss, dy = op(ops)(y, target, np.array([False, True]))
    assert loss == pytest.approx(np.log([4, 2]).mean(), rel=TOLERANCE[dtype])
    assert_close(dy, np.array([[0, 0], [-0.375, 0]], dtype))


@each_twin
@given(problem=problems())
def test_twin_equals_reference(ops, problem):
    _, y, target, mask = problem
    out = nan_filled(y.shape, y.dtype)
    loss, dy = op(ops)(y, target, mask, out)
    expected, dy_expected = op(REFERENCE)(y, target, mask)
    assert dy is out
    assert loss == pytest.approx(expected, rel=TOLERANCE[y.dtype.name])
    assert_gradient_close(dy, dy_expected, mask)


@each_backend
@given(problem=problems(dtypes=st.just("float64")))
def test_scipy_agrees(ops, problem):
    _, y, target, mask = problem
    counted = np.ones(y.shape, bool) if mask is None else np.repeat(mask[..., None], y.shape[-1], axis=-1)
    loss, dy = op(ops)(y, target, mask)
    terms = target * log_expit(y) + (1 - target) * log_expit(-y)
    assert loss == pytest.approx(-terms[counted].mean(), rel=1e-12)
    expected = np.where(counted, (1 - target) * expit(y) - target * expit(-y), 0) / counted.sum()
    assert_gradient_close(dy, expected, mask)


@given(problem=problems(dtypes=st.just("float64")))
def test_reference_against_differences(problem):
    rng, y, target, mask = problem
    dy = op(REFERENCE)(y, target, mask)[1]
    assert_gradients(lambda y: op(REFERENCE)(y, target, mask)[0], {"y": y}, {"y": dy}, rng)


@each_twin
@given(problem=problems())
def test_few_threads_with_several_elements_each(ops, problem):
    """A GPU gets as many threads as fill it; here there are 4. On the CPU `out` is y."""
    _, y, target, mask = problem
    expected, dy_expected = op(REFERENCE)(y, target, mask)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cuda, "THREADS", 4)
        loss, dy = op(ops)(y, target, mask, y)
    assert loss == pytest.approx(expected, rel=TOLERANCE[y.dtype.name])
    assert_gradient_close(dy, dy_expected, mask)


@each_backend
@each_dtype
def test_a_confident_and_right_score_keeps_its_relative_accuracy(ops, dtype):
    """1 - σ(20) is 2e-9: in float32, a difference from 1 would be 0."""
    loss, dy = op(ops)(np.array([[20.0, -20.0]], dtype), np.array([[1, 0]], dtype))
    assert loss == pytest.approx(np.log1p(np.exp(-20.0)), rel=TOLERANCE[dtype])
    assert_close(dy, np.array([[-expit(-20.0), expit(-20.0)]], dtype) / 2)


@each_backend
@each_dtype
def test_large_scores_do_not_overflow(ops, dtype):
    large = np.finfo(dtype).max / 4
    loss, dy = op(ops)(np.array([[large, -large, 1000, -1000]], dtype), np.array([[1, 0, 0.75, 0.75]], dtype))
    assert loss == (250 + 750) / 4 and dy.tolist() == [[0, 0, 0.0625, -0.1875]]
    assert op(ops)(np.array([[large, -large]], dtype), np.array([[0, 1]], dtype))[0] == large


@each_backend
@each_dtype
def test_infinite_scores(ops, dtype):
    """With the right target the loss has the term 0 * inf = 0, the limit for large scores; else it is infinite."""
    y = np.array([[np.inf, -np.inf]], dtype)
    loss, dy = op(ops)(y, np.array([[1, 0]], dtype))
    assert loss == 0 and not dy.any()
    for target, slopes in (([[0, 0]], [[0.5, 0]]), ([[1, 1]], [[0, -0.5]]), ([[0.75, 0]], [[0.125, 0]])):
        loss, dy = op(ops)(y, np.array(target, dtype))
        assert loss == np.inf and dy.tolist() == slopes


@each_backend
@each_dtype
@pytest.mark.parametrize("target", [0, 0.5, 1])
def test_nan_reaches_the_loss_and_its_own_gradient(ops, dtype, target):
    loss, dy = op(ops)(np.array([[0, np.nan, 1]], dtype), np.full((1, 3), target, dtype))
    assert np.isnan(loss) and np.isnan(dy).tolist() == [[False, True, False]]


@each_backend
def test_the_mask_leaves_out_scores_and_targets(ops):
    y, target = np.array([[0.0], [np.nan], [np.inf]]), np.array([[1.0], [np.nan], [-7.0]])
    loss, dy = op(ops)(y, target, np.array([True, False, False]))
    assert loss == pytest.approx(np.log(2), rel=1e-15) and dy.tolist() == [[-0.5], [0], [0]]


@each_backend
def test_many_small_terms_are_summed_exactly(ops):
    y = np.full((5000, 1), -20, np.float32)
    assert op(ops)(y, np.zeros_like(y))[0] == pytest.approx(np.log1p(np.exp(-20.0)), rel=2e-7)


@each_backend
def test_errors(ops):
    y, where = np.zeros((2, 1, 3)), r"binary_cross_entropy\.loss: "
    for value in (1.5, -0.25, np.nan, np.inf):
        target = np.zeros_like(y)
        target[1, 0, 2] = value
        words = (
            rf"target\[1, 0, 2\] is {value}, expected 0 to 1 because a target is the probability of its label"
        )
        with pytest.raises(ValueError, match=where + words):
            op(ops)(y, target)
        with pytest.raises(ValueError, match=where + words):
            op(ops)(y, target, np.array([[False], [True]]))
    for target, mask, words in [
        (np.zeros((2, 3)), None, r"target has shape \(2, 3\), expected \(2, 1, 3\) to match y"),
        (y.astype("float32"), None, "target has dtype float32, expected float64 to match y"),
        (y, np.zeros((2, 1), bool), "no element is counted, expected at least one"),
        (y, np.ones((2, 1)), "mask has dtype float64, expected bool"),
    ]:
        with pytest.raises(ValueError, match=where + words):
            op(ops)(y, target, mask)
