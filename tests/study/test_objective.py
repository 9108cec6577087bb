"""The gradient that an instrument sends back: which loss is taken when none is named."""

import numpy as np
import pytest

import indrnn_np as ir
from indrnn_np.study.objective import loss_and_gradient

T, B, K = 4, 3, 2


@pytest.fixture
def net(backend):
    return ir.Sequential([ir.IndRNN(2, K)], steps=T, dtype="float64", backend=backend)


y = np.random.default_rng(0).normal(size=(T, B, K))


def test_without_a_target_it_is_the_sum_of_all_outputs(net):
    L, dy = loss_and_gradient("x", net, y, None, None, None)
    np.testing.assert_allclose(L, y.sum(), rtol=1e-12)
    assert np.array_equal(dy, np.ones_like(y))


def test_numbers_mean_squared_errors_and_labels_cross_entropy(net):
    real, labels = np.zeros_like(y), np.array([0, 1, 1])
    for found, expected in (
        (loss_and_gradient("x", net, y, real, None, None), ir.mse(y, real)),
        (loss_and_gradient("x", net, y[-1], labels, None, None), ir.softmax_cross_entropy(y[-1], labels)),
        (loss_and_gradient("x", net, y, real, "mse", None), ir.mse(y, real)),
        (
            loss_and_gradient("x", net, y, real, "binary_cross_entropy", None),
            ir.binary_cross_entropy(y, real),
        ),
    ):
        assert found[0] == pytest.approx(expected[0], rel=1e-12)
        np.testing.assert_allclose(found[1], expected[1], rtol=1e-12)


def test_padding_has_no_gradient(net):
    lengths = np.array([4, 1, 0])
    dy = loss_and_gradient("x", net, y, np.zeros_like(y), None, lengths)[1]
    assert (dy[1:, 1] == 0).all() and (dy[:, 2] == 0).all() and (dy[:, 0] != 0).all()
    masked = loss_and_gradient("x", net, y, np.zeros_like(y), None, lengths, np.ones((T, B), bool))[1]
    assert np.array_equal(masked, dy)  # a mask counts up to the sample's end only


def test_a_function_is_taken_as_it_is(net):
    assert loss_and_gradient("x", net, y, 3, lambda y, target: (target, y), None) == (3.0, y)


def test_errors(net):
    with pytest.raises(
        ValueError, match=r"x: target is None with loss='mse', expected a target because that loss"
    ):
        loss_and_gradient("x", net, y, None, "mse", None)
    with pytest.raises(
        ValueError, match=r"x: loss is 'hinge', expected one of 'mse', 'softmax_cross_entropy'"
    ):
        loss_and_gradient("x", net, y, y, "hinge", None)
