"""Terms of time steps and biases add up to the output of a piecewise linear network."""

import numpy as np
import pytest

import indrnn_np as ir
from indrnn_np.study import attribution

T, B, D, H, K = 6, 4, 3, 5, 4
LENGTHS = np.array([6, 0, 3, 5])


def drawn(layers, dtype="float64"):
    net = ir.Sequential(layers, steps=T, dtype=dtype)
    net.flat[...] += (0.2 * np.random.default_rng(0).standard_normal(net.size)).astype(dtype)
    return net


def stacks():
    return {
        "plain": [ir.IndRNN(D, H, input_init=0.5, learn_h0=True), ir.IndRNN(H, H, "identity"), ir.Linear(H, K)],
        "last step": [ir.IndRNN(D, H, input_init=0.5), ir.Dropout(0.5), ir.LastStep(), ir.Linear(H, K)],
        "containers": [
            ir.Residual([ir.IndRNN(D, D, input_init=0.3)]), ir.Bidirectional(ir.RNN(D, H, "relu")),
            ir.Concat([ir.Recurrence(2 * H, "identity", reverse=True)]), ir.LastStep(), ir.Linear(4 * H, K),
        ],
        "symbols": [ir.Embedding(K, H, 0.5), ir.IndRNN(H, H, input_init=0.5), ir.Linear(H, K)],
    }  # fmt: skip


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "lengths"])
@pytest.mark.parametrize("name", stacks())
def test_the_terms_add_up(name, lengths):
    net, rng = drawn(stacks()[name]), np.random.default_rng(1)
    x = rng.integers(0, K, (T, B)) if net.symbols else rng.standard_normal((T, B, D))
    found = attribution(net, x, 2, lengths)
    y = net.infer(x, lengths=lengths)[0]
    last = np.maximum((np.full(B, T) if lengths is None else lengths) - 1, 0)
    np.testing.assert_allclose(found.output, y[:, 2] if y.ndim == 2 else y[last, np.arange(B), 2])
    sizes = np.abs(found.steps).sum(axis=0) + np.abs(found.biases).sum(axis=0)
    assert (np.abs(found.remainder()) <= 1e-12 * sizes).all()
    assert set(found.names) == {n for n in net.params if n.endswith((".b", ".h0"))}
    if lengths is not None:
        assert not found.steps[np.arange(T)[:, None] >= lengths].any()


def test_a_chosen_step_does_not_depend_on_later_ones():
    net = drawn(stacks()["plain"])
    found = attribution(net, np.random.default_rng(1).standard_normal((T, B, D)), step=2)
    assert not found.steps[3:].any() and found.steps[:3].any()
    assert np.abs(found.remainder()).max() < 1e-12


def test_an_identity_layer_gives_powers_of_u():
    net = ir.Sequential([ir.IndRNN(1, 1, "identity", 0.5), ir.LastStep()], steps=T, dtype="float64")
    net.params["0.W"][...] = 1
    found = attribution(net, np.ones((T, 1, 1)))
    np.testing.assert_allclose(found.steps[:, 0], 0.5 ** np.arange(T - 1, -1, -1.0))
    assert found.largest(2)[:, 0].tolist() == [T - 1, T - 2]
    assert found.words().startswith("t = 5 and t = 6 hold 76% of the terms of 6 time steps")
    assert len(found.table()["step t"]) == T


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ([ir.IndRNN(2, 3, "tanh")], "layer 0 has activation 'tanh', expected 'relu' or 'identity' because"),
        ([ir.IndRNN(2, 3), ir.BatchNorm(3)], "layer 1 is a BatchNorm, expected piecewise linear layers"),
        ([ir.Residual([ir.LayerNorm(2)])], "layer 0.0 is a LayerNorm"),
        ([ir.LSTM(2, 3)], "layer 0 is a LSTM"),
    ],
)
def test_other_layers_are_refused_with_the_reason(layers, words):
    with pytest.raises(ValueError, match=f"study.attribution: {words}"):
        attribution(ir.Sequential(layers, steps=4), np.zeros((4, 1, 2), np.float32))


def test_wrong_choices_are_refused():
    net = drawn(stacks()["last step"])
    x = np.zeros((T, B, D))
    with pytest.raises(ValueError, match=r"study\.attribution: output is 4, expected"):
        attribution(net, x, 4)
    with pytest.raises(
        ValueError, match=r"study\.attribution: step is 1, expected None because the network has"
    ):
        attribution(net, x, step=1)
    with pytest.raises(TypeError, match=r"study\.attribution: net is 3"):
        attribution(3, x)
