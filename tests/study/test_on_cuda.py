"""Instruments on a network whose arrays are on the GPU, or in its simulator, beside the reference."""

import numpy as np
import pytest

import indrnn_np as ir
from indrnn_np import backend, study
from indrnn_np._cuda import target

pytestmark = pytest.mark.skipif("cuda" not in backend.backends(), reason=target.problem()[0] or "no GPU")
T, B, H = 7, 3, 4


def nets():
    layers = [ir.IndRNN(2, H, input_init=0.5), ir.BatchNorm(H), ir.IndRNN(H, H, "tanh", input_init=0.5, reverse=True),
              ir.Linear(H, 1)]  # fmt: skip
    return [ir.Sequential(layers, T, name, "float64", seed=3) for name in ("reference", "cuda")]


x = np.random.default_rng(0).normal(size=(T, B, 2))


@pytest.mark.parametrize("lengths", [None, np.array([7, 4, 0])])
def test_flow_and_closed_form(lengths):
    reference, net = nets()
    before = net.state_dict()
    one, other = (study.gradient_flow(n, x, np.zeros((T, B, 1)), lengths=lengths) for n in (reference, net))
    assert one.layers == other.layers == ("0", "2")
    np.testing.assert_allclose(other.norms, one.norms, rtol=1e-10)
    for layer in one.layers:
        one, other = (study.closed_form(n, x, layer, lengths) for n in (reference, net))
        np.testing.assert_allclose(other.measured, one.measured, rtol=1e-10)
        assert other.errors().max() < 1e-12
    assert all(np.array_equal(before[name], value) for name, value in net.state_dict().items())


def test_a_sweep_without_dense_networks_agrees_and_one_with_them_is_refused():
    weights = np.array([0.5, 1.0, 1.5])
    for name in ("reference", "cuda"):
        growth = study.sweeps.of_weights(study.sweeps.SERIES[0], 5, weights, 2, name, 0)
        np.testing.assert_allclose(growth, weights**4, rtol=1e-12)
    with pytest.raises(ValueError, match=r"op rnn has no twin for backend 'cuda'"):
        study.explosion((3,), hidden=2, depths=(1,), gammas=(2,), points=1, backend="cuda")
