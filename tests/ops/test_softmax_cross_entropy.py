"""Cross-entropy of the softmax: at the last step or every step, with a mask; scipy's log_softmax judges."""

import numpy as np
import pytest
from differences import assert_gradients
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax, softmax
from strategies import REFERENCE, dtypes, each_backend, each_dtype, each_gpu, each_host, each_twin, seeds
from tolerances import TOLERANCE, assert_close, nan_filled

from indrnn_np.ops.softmax_cross_entropy import cuda


def op(ops):
    return ops.softmax_cross_entropy.loss


@st.composite
def problems(draw, dtypes=dtypes):
    rng = np.random.default_rng(draw(seeds))
    rows = draw(st.sampled_from([(1,), (5,), (1, 1), (7, 3), (33, 2)]))
    K = draw(st.sampled_from([1, 2, 3, 10, 17]))
    y = (rng.standard_normal((*rows, K)) * draw(st.sampled_from([0.1, 1, 30]))).astype(draw(dtypes))
    target = rng.integers(0, K, rows).astype(draw(st.sampled_from(["int64", "int32", "uint8"])))
    mask = None
    if draw(st.booleans()):
        mask = rng.random(rows) < 0.5
        mask.flat[rng.integers(mask.size)] = True
    return rng, y, target, mask


@st.composite
def options(draw, y):
    """Class weights, or none, and label smoothing."""
    rng = np.random.default_rng(draw(seeds))
    weights = (0.05 + 3 * rng.random(y.shape[-1])).astype(y.dtype) if draw(st.booleans()) else None
    return {"weights": weights, "smoothing": draw(st.sampled_from([0.0, 0.1, 0.9]))}


@each_backend
@each_dtype
def test_literal_values(ops, dtype):
    y = np.log(np.array([[1, 2, 1], [3, 3, 2]])).astype(dtype)  # softmax: 1/4 1/2 1/4 and 3/8 3/8 1/4
    loss, dy = op(ops)(y, np.array([1, 2]))
    assert loss == pytest.approx((np.log(2) + np.log(4)) / 2, rel=TOLERANCE[dtype])
    assert_close(dy, np.array([[0.125, -0.25, 0.125], [0.1875, 0.1875, -0.375]], dtype))
    loss, dy = op(ops)(y, np.array([1, 99]), np.array([True, False]))
    assert loss == pytest.approx(np.log(2), rel=TOLERANCE[dtype])
    assert_close(dy, np.array([[0.25, -0.5, 0.25], [0, 0, 0]], dtype))


@each_twin
@given(problem=problems())
def test_twin_equals_reference(ops, problem):
    _, y, target, mask = problem
    out = nan_filled(y.shape, y.dtype)
    loss, dy = op(ops)(y, target, mask, out=out)
    expected, dy_expected = op(REFERENCE)(y, target, mask)
    assert dy is out
    assert type(loss) is type(expected) is float
    scale = max(1.0, float(np.abs(y).max()))  # log p is a difference of scores
    assert loss == pytest.approx(expected, rel=TOLERANCE[y.dtype.name], abs=scale * TOLERANCE[y.dtype.name])
    n = y[..., 0].size if mask is None else mask.sum()
    assert_close(
        np.append(dy.ravel(), y.dtype.type(1 / n)), np.append(dy_expected.ravel(), y.dtype.type(1 / n))
    )


@each_backend
@given(problem=problems(dtypes=st.just("float64")))
def test_scipy_agrees(ops, problem):
    _, y, target, mask = problem
    counted = np.ones(target.shape, bool) if mask is None else mask
    loss, dy = op(ops)(y, target, mask)
    log_p = log_softmax(y, axis=-1)
    chosen = np.take_along_axis(log_p, target[..., None].astype(int), axis=-1)[..., 0]
    assert loss == pytest.approx(-chosen[counted].mean(), rel=1e-12, abs=1e-13)
    onehot = np.arange(y.shape[-1]) == target[..., None]
    expected = np.where(counted[..., None], (softmax(y, axis=-1) - onehot) / counted.sum(), 0)
    assert np.abs(dy - expected).max() < 1e-13


@given(problem=problems(dtypes=st.just("float64")))
def test_reference_against_differences(problem):
    rng, y, target, mask = problem
    dy = op(REFERENCE)(y, target, mask)[1]
    assert_gradients(lambda y: op(REFERENCE)(y, target, mask)[0], {"y": y}, {"y": dy}, rng)


@each_backend
@given(problem=problems(dtypes=st.just("float64")), shift=st.sampled_from([-1e3, 1.0, 1e3]))
def test_a_shift_of_all_scores_changes_nothing(ops, problem, shift):
    _, y, target, mask = problem
    loss, dy = op(ops)(y, target, mask)
    moved, dy_moved = op(ops)(y + shift, target, mask)
    assert moved == pytest.approx(loss, abs=1e-9)
    assert np.abs(dy_moved - dy).max() < 1e-9
    assert np.abs(dy.sum(axis=-1)).max() < 1e-12


@each_backend
@each_dtype
def test_large_scores_neither_overflow_nor_vanish(ops, dtype):
    y = np.array([[1e4, 0, -1e4], [0, 1e4, 0]], dtype)
    loss, dy = op(ops)(y, np.array([2, 1]))
    assert loss == pytest.approx(1e4)
    assert_close(dy, np.array([[0.5, 0, -0.5], [0, 0, 0]], dtype))


@each_backend
@each_dtype
def test_what_is_not_counted_is_not_read(ops, dtype):
    y = np.array([[[0.0, 1.0]], [[np.nan, np.inf]]], dtype)
    target, mask = np.array([[1], [-5]]), np.array([[True], [False]])
    with np.errstate(invalid="ignore"):
        loss, dy = op(ops)(y, target, mask)
    assert loss == pytest.approx(np.log1p(np.exp(-1)), rel=TOLERANCE[dtype])
    assert np.isfinite(dy).all() and not dy[1].any()


@each_backend
@pytest.mark.filterwarnings("ignore:.*invalid value:RuntimeWarning")
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("place, K", [(0, 3), (1, 3), (2, 3), (0, 33), (32, 33)])
def test_nan_and_inf_reach_the_loss(ops, bad, place, K):
    y = np.zeros((2, K))
    y[1, place] = bad
    assert np.isnan(op(ops)(y, np.array([0, 0]))[0])


@each_twin
@each_dtype
@pytest.mark.parametrize("K", [32, 33, 70])
def test_many_classes(ops, dtype, K, monkeypatch):
    """A GPU's walkers, here 2, are warps from 33 classes on. Some scores are out of the question; `out` may be y."""
    monkeypatch.setattr(cuda, "GROUPS", 2)
    rng = np.random.default_rng(K)
    y, target, mask = rng.standard_normal((5, K)).astype(dtype), rng.integers(0, K, 5), np.arange(5) != 3
    y[:, 1::2] = -np.inf
    target -= target % 2
    loss, dy = op(ops)(y, target, mask)
    expected, dy_expected = op(REFERENCE)(y, target, mask)
    assert loss == pytest.approx(expected, rel=TOLERANCE[dtype])
    assert_close(dy, dy_expected)
    in_place = y.copy()
    assert op(ops)(in_place, target, mask, out=in_place)[0] == pytest.approx(loss, rel=TOLERANCE[dtype])
    assert_close(in_place, dy)


@each_backend
def test_errors(ops):
    y = np.zeros((2, 1, 3))
    where = r"softmax_cross_entropy\.loss: "
    labels = np.zeros((2, 1), int)
    for target, words in [
        (np.array([[0], [3]]), r"target\[1, 0\] is 3, expected 0 to 2 to match y with shape \(2, 1, 3\)"),
        (np.array([[-1], [0]]), r"target\[0, 0\] is -1, expected 0 to 2"),
        (
            np.zeros((2, 1)),
            "target has dtype float64, expected an integer dtype because labels are class numbers",
        ),
        (np.zeros(2, int), r"target has shape \(2,\), expected \(2, 1\) to match y"),
    ]:
        with pytest.raises(ValueError, match=where + words):
            op(ops)(y, target)
    for mask, words in [
        (np.zeros((2, 1), bool), "no label is counted, expected at least one"),
        (np.ones((2, 1)), "mask has dtype float64, expected bool"),
        (np.ones(2, bool), r"mask has shape \(2,\), expected \(2, 1\)"),
    ]:
        with pytest.raises(ValueError, match=where + words):
            op(ops)(y, labels, mask)
    with pytest.raises(ValueError, match=where + r"y has shape \(3,\), expected \(B, K\) or \(T, B, K\)"):
        op(ops)(np.zeros(3), np.zeros(1, int))


@pytest.mark.parametrize("large", [1e300, -1e300, 1e30])
@each_twin
def test_a_huge_score_does_not_erase_the_losses_of_other_samples(ops, large):
    """A compiler that may reorder sums added the score to the total of the samples before it."""
    y, target = np.zeros((6, 3)), np.array([0, 1, 2, 0, 1, 2])
    y[3, 0] = large
    assert op(ops)(y, target)[0] == pytest.approx(op(REFERENCE)(y, target)[0], rel=1e-12)


@each_host
@given(data=st.data(), problem=problems())
def test_weights_and_smoothing_by_their_definition(ops, data, problem):
    """L = Σ w l / Σ w of the labels that count, with scipy's log_softmax."""
    _, y, target, mask = problem
    chosen, out = data.draw(options(y)), nan_filled(y.shape, y.dtype)
    loss, dy = op(ops)(y, target, mask, **chosen, out=out)
    K, eps, exact = y.shape[-1], chosen["smoothing"], y.astype(float)
    counted = np.ones(target.shape, bool) if mask is None else mask
    w = np.where(counted, 1.0 if chosen["weights"] is None else chosen["weights"][target], 0.0)[..., None]
    goal = (1 - eps) * (np.arange(K) == target[..., None]) + eps / K
    tolerance = TOLERANCE[y.dtype.name]
    expected = -(w * goal * log_softmax(exact, axis=-1)).sum() / w.sum()
    assert loss == pytest.approx(expected, rel=tolerance, abs=max(1, float(np.abs(y).max())) * tolerance)
    assert dy is out
    assert np.abs(dy - w * (softmax(exact, axis=-1) - goal) / w.sum()).max() < tolerance


@each_host
@given(data=st.data(), problem=problems(dtypes=st.just("float64")))
def test_weights_and_smoothing_against_differences(ops, data, problem):
    rng, y, target, mask = problem
    chosen = data.draw(options(y))
    dy = op(ops)(y, target, mask, **chosen)[1]
    assert_gradients(lambda y: op(ops)(y, target, mask, **chosen)[0], {"y": y}, {"y": dy}, rng)
    y_dot, step = rng.standard_normal(y.shape), 1e-6
    ends = [op(ops)(y + side * step * y_dot, target, mask, **chosen)[1] for side in (1, -1)]
    tangent = REFERENCE.softmax_cross_entropy.gradient_tangent(y_dot, y, target, mask, chosen["weights"])
    assert np.abs((ends[0] - ends[1]) / (2 * step) - tangent).max() < 1e-7


@each_host
@given(problem=problems())
def test_weights_of_one_without_smoothing_change_no_bit(ops, problem):
    _, y, target, mask = problem
    loss, dy = op(ops)(y, target, mask)
    weighted, dy_weighted = op(ops)(y, target, mask, np.ones(y.shape[-1], y.dtype), 0.0)
    assert weighted == loss and dy_weighted.tobytes() == dy.tobytes()


@each_host
def test_the_scale_of_the_weights_has_no_effect(ops):
    rng = np.random.default_rng(0)
    y, target, w = rng.standard_normal((9, 4)), rng.integers(0, 4, 9), 0.1 + rng.random(4)
    (loss, dy), (other, dy_other) = (op(ops)(y, target, None, scale * w, 0.1) for scale in (1, 8))
    assert other == pytest.approx(loss, rel=1e-14)
    assert_close(dy_other, dy)


@each_host
def test_a_label_that_is_not_counted_has_no_weight(ops):
    y, target = np.array([[0.0, 1.0], [np.nan, np.inf]]), np.array([0, 7])
    mask, w = np.array([True, False]), np.array([3.0, 1.0])
    with np.errstate(invalid="ignore"):
        loss, dy = op(ops)(y, target, mask, w, 0.2)
    expected, dy_expected = op(ops)(y[:1], target[:1], None, w, 0.2)
    assert loss == expected and np.array_equal(dy, np.vstack([dy_expected, np.zeros((1, 2))]))


WRONG_OPTIONS = [
    ({"weights": np.ones(2)}, r"weights has shape \(2,\), expected \(3,\) to match y"),
    ({"weights": np.ones(3, np.float32)}, "weights has dtype float32, expected float64 to match y"),
    ({"weights": np.array([1.0, 0, 1])}, r"weights\[1\] is 0.0, expected a finite number above 0"),
    ({"weights": np.array([1.0, 1, np.inf])}, r"weights\[2\] is inf, expected a finite number above 0"),
    ({"weights": np.array([np.nan, 1, 1])}, r"weights\[0\] is nan, expected a finite number above 0"),
    ({"smoothing": 1.0}, r"smoothing is 1.0, expected a number from 0.0 to below 1.0"),
    ({"smoothing": -0.1}, r"smoothing is -0.1, expected a number from 0.0"),
]


@each_host
@pytest.mark.parametrize("wrong, words", WRONG_OPTIONS)
def test_wrong_options_are_refused(ops, wrong, words):
    with pytest.raises(ValueError, match=r"softmax_cross_entropy\.loss: " + words):
        op(ops)(np.zeros((2, 3)), np.array([0, 2]), **wrong)
    if "weights" in wrong:
        with pytest.raises(ValueError, match=r"softmax_cross_entropy\.gradient_tangent: " + words):
            REFERENCE.softmax_cross_entropy.gradient_tangent(
                np.zeros((2, 3)), np.zeros((2, 3)), np.array([0, 2]), **wrong
            )


@each_host
def test_labels_are_checked_before_their_weights_are_read(ops):
    with pytest.raises(ValueError, match=r"target\[1\] is 3, expected 0 to 2"):
        op(ops)(np.zeros((2, 3)), np.array([0, 3]), None, np.ones(3))


@each_gpu
@pytest.mark.parametrize("chosen", [{"weights": np.ones(3)}, {"smoothing": 0.1}])
def test_a_gpu_refuses_weights_and_smoothing(ops, chosen):
    (name,) = chosen
    with pytest.raises(ValueError, match=rf"loss: {name} is .*, expected .* on backend 'cuda'"):
        op(ops)(np.zeros((2, 3)), np.array([0, 2]), **chosen)
