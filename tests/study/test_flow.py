"""The norm of ∂L/∂h_t, against equation 4 in closed form and against finite differences on the states themselves."""

import numpy as np
import pytest

import indrnn_np as ir
from indrnn_np.study import gradient_flow


def test_an_identity_indrnn_gives_powers_of_u():
    """∂h_T/∂h_t = u^(T-t): equation 4 with φ' = 1."""
    T, H = 40, 3
    net = ir.Sequential([ir.IndRNN(2, H, "identity"), ir.LastStep()], steps=T, dtype="float64", seed=1)
    u = np.array([0.5, -0.9, 1.01])
    net.params["0.u"][:] = u
    x = np.random.default_rng(0).normal(size=(T, 1, 2))
    found = gradient_flow(net, x)
    powers = u ** (T - 1 - np.arange(T))[:, None]
    assert found.layers == ("0",) and found.norms.shape == (1, T)
    np.testing.assert_allclose(found.norms[0], np.linalg.norm(powers, axis=1), rtol=1e-12)
    np.testing.assert_allclose(found.totals(), [np.linalg.norm(powers)], rtol=1e-12)


def stack(kind, H):
    return {
        "indrnn": [ir.IndRNN(3, H, "tanh"), ir.IndRNN(H, H, "sigmoid", input_init=0.5), ir.LastStep()],
        "reverse": [ir.IndRNN(3, H, "tanh", reverse=True)],
        "both ways": [ir.Bidirectional(ir.IndRNN(3, H, "tanh")), ir.Linear(2 * H, 2)],
        "rnn": [ir.RNN(3, H), ir.RNN(H, H), ir.LastStep()],
        "lstm": [ir.LSTM(3, H), ir.LSTM(H, H), ir.LastStep()],
        "gru": [ir.GRU(3, H), ir.GRU(H, H), ir.LastStep()],
        "rotating": [ir.RotatingIndRNN(3, 4, "tanh"), ir.RotatingIndRNN(4, 4, "tanh"), ir.LastStep()],
        "residual": [ir.Linear(3, H), ir.Residual([ir.IndRNN(H, H, "tanh", "uniform", 0.5), ir.Linear(H, H)]),
                     ir.LastStep()],
    }[kind]  # fmt: skip


@pytest.mark.parametrize("kind", ["indrnn", "rnn", "lstm", "gru", "rotating", "residual"])
@pytest.mark.parametrize("lengths", [None, [6, 3]])
def test_step_0_of_the_last_layer_is_the_gradient_of_the_state_after_it(kind, lengths):
    """A window of step 0 alone hands on a state; no other way leads from h_0 of the last layer to the last step."""
    T, B, H = 6, 2, 4
    lengths = None if lengths is None else np.array(lengths)
    net = ir.Sequential(stack(kind, H), steps=T, dtype="float64", seed=3)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(T, B, 3))
    found = gradient_flow(net, x, None, lambda y, _: (0.0, np.cos(y)), lengths)
    _, state, _ = net.forward(x[:1], lengths=None)
    rest = None if lengths is None else lengths - 1
    y, _, tape = net.forward(x[1:], state, lengths=rest)
    _, before, _ = net.backward(np.cos(y), tape)
    first = before[1][0] if kind in ("residual", "lstm") else before[1]
    assert found.norms[-1, 0] == pytest.approx(np.linalg.norm(first), rel=1e-9)
    assert len(found.layers) == (1 if kind == "residual" else 2) and (found.norms > 0).all()


@pytest.mark.parametrize("kind", ["reverse", "both ways"])
def test_layers_that_walk_back(kind):
    """What reaches output 0 alone comes, in a reverse layer, from the steps after it: φ'_t u for each."""
    T, H = 5, 3
    net = ir.Sequential(stack(kind, H)[:1], steps=T, dtype="float64", seed=2)
    x = np.random.default_rng(4).normal(size=(T, 1, 3))
    at_0 = lambda y: np.zeros_like(y) + (np.arange(T) == 0)[:, None, None]  # noqa: E731
    found = gradient_flow(net, x, loss=lambda y, _: (0.0, at_0(y)))
    name = "0" if kind == "reverse" else "0.reverse"
    u, slope = net.params[f"{name}.u"], 1 - net.forward(x)[0][:, 0, -H:] ** 2
    expected = [np.ones(H)]
    for t in range(1, T):
        expected.append(expected[-1] * slope[t - 1] * u)
    norms = [np.linalg.norm(one) for one in expected]
    np.testing.assert_allclose(found.norms[found.layers.index(name)], norms, rtol=1e-12)


@pytest.mark.parametrize("reverse", [False, True])
def test_padding_counts_as_zero_whatever_arrives_there(reverse, backend):
    """A sample of two steps among longer ones flows as it does alone."""
    T, H = 5, 3
    layers = [ir.IndRNN(3, H, "tanh", input_init=0.5, reverse=reverse), ir.Linear(H, 2)]
    net = ir.Sequential(layers, T, backend, "float64", seed=2)
    x = np.random.default_rng(4).normal(size=(T, 1, 3))
    ones = lambda y, _: (0.0, np.ones_like(y))  # noqa: E731  also where the sample has ended
    padded = gradient_flow(net, x, None, ones, np.array([2])).norms
    alone = gradient_flow(net, np.ascontiguousarray(x[:2]), None, ones).norms
    np.testing.assert_allclose(padded[:, :2], alone, rtol=1e-12)
    assert (padded[:, 2:] == 0).all()


def test_chunks_of_time_and_one_pass_agree():
    T, B, H = 700, 8, 32
    nets = [
        ir.plain(5, H, 2, 2, T, activation="tanh", backend=name, dtype="float64")
        for name in ("reference", "cpu")
    ]
    x = np.random.default_rng(0).normal(size=(T, B, 5))
    one, other = (gradient_flow(net, x, loss=lambda y, _: (0.0, 2 * y)) for net in nets)
    assert one.layers == other.layers == ("0", "1")
    np.testing.assert_allclose(one.norms, other.norms, rtol=1e-9)


def test_running_statistics_stay_and_a_net_without_recurrence_is_refused():
    net = ir.plain(3, 4, 2, 2, 6, batchnorm=True, dtype="float64")
    x = np.random.default_rng(0).normal(size=(6, 5, 3))
    before = net.state_dict()
    gradient_flow(net, x)
    with pytest.raises(ValueError, match="hinge"):
        gradient_flow(net, x, np.zeros(5, int), "hinge")
    assert all(np.array_equal(before[name], value) for name, value in net.state_dict().items())
    with pytest.raises(ValueError, match="the network has no recurrent layer, expected at least one"):
        gradient_flow(ir.Sequential([ir.Linear(3, 2)], dtype="float64"), x)
