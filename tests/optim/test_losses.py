"""The losses as users call them."""

import numpy as np
import pytest
from scipy.special import expit, log_expit, log_softmax
from strategies import each_dtype

import indrnn_np as ir
from indrnn_np.backend import get_backend
from indrnn_np.optim.losses import LOSSES


@each_dtype
def test_mse(backend, dtype):
    y, target = np.array([[1, 2], [3, 4]], dtype), np.array([[0, 2], [5, 1]], dtype)
    loss, dy = ir.mse(y, target, backend=backend)
    assert loss == 3.5 and isinstance(loss, float)
    assert dy.dtype == dtype and dy.tolist() == [[0.5, 0], [-1, 1.5]]


@each_dtype
def test_softmax_cross_entropy(backend, dtype):
    rng = np.random.default_rng(0)
    y, labels = rng.standard_normal((4, 3, 5)).astype(dtype), rng.integers(0, 5, (4, 3))
    lengths = np.array([4, 0, 2])
    mask = ir.length_mask(lengths, 4)
    loss, dy = ir.softmax_cross_entropy(y, labels, mask, backend=backend)
    chosen = np.take_along_axis(log_softmax(y.astype(float), axis=2), labels[..., None], axis=2)[..., 0]
    assert loss == pytest.approx(-chosen[mask].mean(), rel=1e-5)
    assert dy.dtype == dtype and not dy[~mask].any() and dy[mask].all()


@each_dtype
def test_binary_cross_entropy(backend, dtype):
    rng = np.random.default_rng(0)
    y, target = rng.standard_normal((4, 3, 5)).astype(dtype), rng.random((4, 3, 5)).astype(dtype)
    mask = ir.length_mask(np.array([4, 0, 2]), 4)
    loss, dy = ir.binary_cross_entropy(y, target, mask, backend=backend)
    terms = target * log_expit(y) + (1 - target) * log_expit(-y)
    assert loss == pytest.approx(-terms[mask].mean(), rel=1e-5)
    assert dy.dtype == dtype and not dy[~mask].any()
    np.testing.assert_allclose(dy[mask], (expit(y) - target)[mask] / (6 * 5), atol=1e-7)


def test_uniform_scores_cost_the_logarithm_of_the_classes(backend):
    loss, dy = ir.softmax_cross_entropy(np.zeros((2, 10)), np.array([3, 9]), backend=backend)
    assert loss == pytest.approx(np.log(10))
    assert dy[0, 3] == pytest.approx(-0.45)


def test_a_table_of_operations_is_a_backend_too(backend, monkeypatch):
    y, ops = np.ones((2, 3)), get_backend(backend)
    for loss in LOSSES.values():
        target = np.array([0, 2]) if loss is ir.softmax_cross_entropy else np.zeros((2, 3))
        (value, dy), (expected, expected_dy) = loss(y, target, backend=ops), loss(y, target, backend=backend)
        assert value == expected and dy.tobytes() == expected_dy.tobytes()
    monkeypatch.setattr(ops.mse, "loss", lambda *given: "of this table")
    assert ir.mse(y, y, backend=ops) == "of this table"


def test_length_mask():
    mask = ir.length_mask(np.array([2, 0, 3]), 3)
    assert mask.dtype == bool
    assert mask.astype(int).tolist() == [[1, 0, 1], [1, 0, 1], [0, 0, 1]]


@pytest.mark.parametrize(
    "lengths, words",
    [
        (
            np.array([1, 4]),
            r"length_mask: lengths\[1\] is 4, expected 0 to 3 because the sequence has 3 steps",
        ),
        (np.array([1.0, 2.0]), "length_mask: lengths has dtype float64, expected an integer dtype"),
        (np.array([[1, 2]]), r"length_mask: lengths has shape \(1, 2\), expected \(B,\)"),
    ],
)
def test_errors_of_length_mask(lengths, words):
    with pytest.raises(ValueError, match=words):
        ir.length_mask(lengths, 3)


def test_errors_reach_the_user(backend):
    with pytest.raises(
        ValueError,
        match=r"mse\.loss: target has shape \(3,\), expected \(3, 1\) to match y with shape \(3, 1\)",
    ):
        ir.mse(np.zeros((3, 1)), np.zeros(3), backend=backend)
    with pytest.raises(
        ValueError,
        match="target has dtype float64, expected an integer dtype because labels are class numbers",
    ):
        ir.softmax_cross_entropy(np.zeros((3, 2)), np.zeros(3), backend=backend)
    with pytest.raises(
        ValueError, match="backend: name is 'gpu', expected one of 'cpu', 'cuda', 'reference'"
    ):
        ir.mse(np.zeros((1, 1)), np.zeros((1, 1)), backend="gpu")
