"""The plain stack of the papers."""

import numpy as np
import pytest

import indrnn_np as ir
from indrnn_np.layers import BatchNorm, Dropout, IndRNN, LastStep, Linear


def kinds(net):
    return [type(layer) for layer in net.layers]


def test_the_network_of_sequential_mnist():
    """6 layers of 128 with batch norm: the number of parameters that the authors' network has."""
    net = ir.plain(1, 128, 10, layers=6, steps=784, batchnorm=True, dropout=0.1)
    assert net.size == 86_410
    assert kinds(net) == [IndRNN, BatchNorm, Dropout] * 6 + [LastStep, Linear]
    assert {layer.input_init for layer in net.layers if isinstance(layer, IndRNN)} == {"kaiming"}


def test_the_network_of_the_adding_problem():
    """Two layers of 128: the paper's 17K parameters; W starts tiny without batch norm."""
    net = ir.plain(2, 128, 1, layers=2, steps=1000)
    assert net.size == 2 * 128 + 128**2 + 4 * 128 + 129
    assert kinds(net) == [IndRNN, IndRNN, LastStep, Linear]
    assert np.abs(net.params["1.W"]).max() < 0.01


@pytest.mark.parametrize("gamma", [2.0, 5.0])
@pytest.mark.parametrize("T", [100, 784, 5000])
def test_the_last_layer_starts_with_long_memories_only(T, gamma):
    net = ir.plain(2, 64, 1, layers=3, steps=T, gamma=gamma, dtype="float64")
    low, high = gamma ** (-1 / T), gamma ** (1 / T)
    u = net.params["2.u"]
    assert low <= u.min() < 1 < u.max() <= high
    for name in ("0.u", "1.u"):
        assert 0 <= net.params[name].min() < 0.5 and net.params[name].max() <= high


def test_every_step_is_read_out():
    net = ir.plain(2, 8, 3, layers=2, steps=10, output="every")
    assert kinds(net) == [IndRNN, IndRNN, Linear]
    assert net.layers[1].recurrent_init == "uniform"
    assert net(np.zeros((10, 4, 2), np.float32)).shape == (10, 4, 3)


def test_what_is_said_wins():
    start = {"recurrent_init": 0.5, "last_init": "ones", "input_init": 0.1}
    where = {"backend": "reference", "dtype": "float64", "seed": 3}
    net = ir.plain(2, 8, 3, 2, 10, activation="tanh", gamma=5, constrain=False, **start, **where)
    assert (net.backend, net.dtype, net.seed, net.steps) == ("reference", np.float64, 3, 10)
    first, last = net.layers[:2]
    assert (first.activation, first.gamma, first.recurrent_init, last.recurrent_init) == (
        "tanh",
        5,
        0.5,
        "ones",
    )
    assert not net.bounds and set(net.params["0.u"]) == {0.5} and set(net.params["1.u"]) == {1.0}
    assert ir.plain(2, 8, 3, 2, 10, recurrent_init=0.5).layers[1].recurrent_init == 0.5
    assert net(np.zeros((10, 4, 2))).shape == (4, 3)


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"layers": 0}, "plain: layers is 0, expected a number of at least 1"),
        ({"output": "first"}, "plain: output is 'first', expected one of 'last', 'every'"),
        ({"steps": None}, "steps is None with gamma = 2.0, expected the sequence length T"),
        ({"hidden": 0}, "IndRNN: hidden_size is 0"),
        ({"dropout": 1.0}, "Dropout: rate is 1.0, expected a number from 0.0 to below 1.0"),
        ({"activation": "gelu"}, "activation is 'gelu', expected one of 'relu'"),
        ({"dtype": "int32"}, "Sequential: dtype is 'int32', expected one of 'float32', 'float64'"),
        ({"backend": "tpu"}, "name is 'tpu', expected one of 'cpu', 'cuda', 'reference'"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_errors(changes, words):
    options = {"input_size": 2, "hidden": 4, "output_size": 1, "layers": 2, "steps": 10, **changes}
    with pytest.raises(ValueError, match=words):
        ir.plain(**options)
