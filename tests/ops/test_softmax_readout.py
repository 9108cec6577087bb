"""Read-out with softmax cross-entropy: any blocks, slices and threads give the numbers of the reference."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax
from strategies import REFERENCE, Workspace, dtypes, each_dtype, each_host, seeds
from tolerances import TOLERANCE, assert_close

from indrnn_np import backend
from indrnn_np._cpu import threads
from indrnn_np.ops.softmax_readout import cpu

CPU = backend.get("cpu").softmax_readout


@pytest.fixture
def two_threads():
    before = threads.threads()
    threads.set_threads(2)
    yield
    threads.set_threads(before)


def problem(seed, rows=(7, 3), D=4, K=10, dtype="float64", masked=False):
    rng = np.random.default_rng(seed)
    mask = None
    if masked:
        mask = rng.random(rows) < 0.5
        mask.flat[0] = True
    x, W, b = (rng.standard_normal(shape).astype(dtype) for shape in ((*rows, D), (K, D), (K,)))
    return x, W, b, rng.integers(0, K, rows), mask


@given(
    seed=seeds, dtype=dtypes, masked=st.booleans(), rows=st.sampled_from([(1,), (9,), (1, 1), (13, 3)]),
    K=st.sampled_from([1, 2, 17]), block=st.sampled_from([1, 4, 256]), slice_size=st.sampled_from([1, 40, 2**17]),
)  # fmt: skip
def test_any_blocks_and_slices_give_the_numbers_of_the_reference(
    seed, dtype, masked, rows, K, block, slice_size
):
    arguments = problem(seed, rows, 5, K, dtype, masked)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cpu, "BLOCK", block)
        patch.setattr(cpu, "SLICE", slice_size)
        loss, *gradients = CPU.loss(*arguments, work=Workspace())
        value, right = CPU.evaluate(*arguments, work=Workspace())
    expected, *expected_gradients = REFERENCE.softmax_readout.loss(*arguments)
    tolerance = TOLERANCE[dtype]
    assert loss == pytest.approx(expected, rel=tolerance, abs=10 * tolerance) and value == pytest.approx(loss)
    assert right == REFERENCE.softmax_readout.evaluate(*arguments)[1]
    n = arguments[3].size if arguments[4] is None else arguments[4].sum()
    for name, one, other in zip(("dx", "dW", "db"), gradients, expected_gradients, strict=True):
        unit = one.dtype.type(1 / n)  # gradients of a single class are rounding of 1 - 1
        assert_close(np.append(one, unit), np.append(other, unit), name, scale=10)


def test_two_threads(two_threads):
    """Enough scores for two threads with several blocks each; every sum has a fixed order."""
    arguments = problem(0, (60, 20), 3, 700, masked=True)
    first, second = (CPU.loss(*arguments) for _ in range(2))
    blocks, scores = cpu._blocks_of_threads(1200, arguments[1], None)
    assert len(blocks) == len(scores) == 2 and [len(own) for own in blocks] == [3, 3]
    assert [j - i for own in blocks for i, j in own] == [200] * 6 and scores.shape[1] == 200
    assert first[0] == second[0]
    assert all(one.tobytes() == other.tobytes() for one, other in zip(first[1:], second[1:], strict=True))
    expected, *gradients = REFERENCE.softmax_readout.loss(*arguments)
    assert first[0] == pytest.approx(expected, rel=TOLERANCE["float64"])
    for one, other in zip(first[1:], gradients, strict=True):
        assert_close(one, other)
    assert CPU.evaluate(*arguments) == (
        pytest.approx(expected, rel=TOLERANCE["float64"]),
        REFERENCE.softmax_readout.evaluate(*arguments)[1],
    )


@each_host
def test_scipy_agrees(ops):
    x, W, b, target, mask = problem(3, masked=True)
    log_p = log_softmax(x @ W.T + b, axis=-1)
    chosen = np.take_along_axis(log_p, target[..., None], axis=-1)[..., 0]
    value, right = ops.softmax_readout.evaluate(x, W, b, target, mask)
    assert value == pytest.approx(-chosen[mask].mean(), rel=1e-12)
    assert type(right) is int and right == (log_p.argmax(axis=-1) == target)[mask].sum()


@each_host
@each_dtype
def test_large_scores_neither_overflow_nor_vanish(ops, dtype):
    x, W, b = np.ones((2, 1), dtype), np.array([[1e4], [0], [-1e4]], dtype), np.zeros(3, dtype)
    loss, dx, dW, db = ops.softmax_readout.loss(x, W, b, np.array([2, 0]))
    assert loss == pytest.approx(1e4)
    assert_close(db, np.array([0.5, 0, -0.5], dtype))
    assert_close(dW, np.array([[0.5], [0], [-0.5]], dtype))
    assert_close(dx, np.array([[1e4], [0]], dtype))


@each_host
@pytest.mark.filterwarnings("ignore:.*invalid value:RuntimeWarning")
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("place", [0, 32])
def test_nan_and_inf_reach_the_loss(ops, bad, place):
    b = np.zeros(33)
    b[place] = bad
    arguments = np.ones((2, 1)), np.ones((33, 1)), b, np.array([0, 1])
    assert np.isnan(ops.softmax_readout.loss(*arguments)[0])
    assert np.isnan(ops.softmax_readout.evaluate(*arguments)[0])


@each_host
def test_the_first_of_equal_scores_is_the_prediction(ops):
    arguments = np.ones((2, 1)), np.ones((3, 1)), np.zeros(3)
    assert ops.softmax_readout.evaluate(*arguments, np.array([0, 1]))[1] == 1


@each_host
@pytest.mark.parametrize("function", ["loss", "evaluate"])
def test_errors(ops, function):
    x, W, b, target, _ = problem(0, (2, 1), 2, 3)
    target[:] = [[0], [3]]
    where = rf"softmax_readout\.{function}: "
    call = getattr(ops.softmax_readout, function)
    with pytest.raises(
        ValueError, match=where + r"target\[1, 0\] is 3, expected 0 to 2 to match y with shape"
    ):
        call(x, W, b, target)
    with pytest.raises(ValueError, match=where + "no label is counted, expected at least one"):
        call(x, W, b, target, np.zeros((2, 1), bool))
    with pytest.raises(
        ValueError, match=where + "target has dtype float64, expected an integer dtype because"
    ):
        call(x, W, b, target.astype(float))
    with pytest.raises(ValueError, match=where + r"W has shape \(3, 1\), expected|" + where + "x has shape"):
        call(x, W[:, :1].copy(), b, target)
