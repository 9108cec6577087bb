"""The networks of the papers: their layers, their numbers of parameters, where u starts, what they refuse."""

import numpy as np
import pytest
from tolerances import assert_close

import indrnn_np as ir
from indrnn_np import networks
from indrnn_np.layers import (
    LSTM,
    BatchNorm,
    Concat,
    Dropout,
    Embedding,
    IndRNN,
    LastStep,
    LayerNorm,
    Linear,
    Recurrence,
    Residual,
    Tied,
)
from indrnn_np.layers.chain import named_layers


def kinds(net):
    return [type(layer) for layer in net.layers]


def recurrent(net):
    """The names of the recurrent weights, from input to output."""
    return [name for name in net.params if name.split(".")[-1] == "u"]


MNIST, NTU = {"steps": 784, "output_size": 10}, {"steps": 20, "output_size": 60}
WORDS = {"steps": 50, "embedding": 600, "tied": True, "output": "every", "norm_place": "before"}


@pytest.mark.parametrize(("net", "parameters", "layers"), [
    (lambda: ir.plain(1, 128, layers=6, batchnorm=True, **MNIST), 86_410, 6),
    (lambda: ir.plain(1, 128, layers=6, batchnorm=True, norm_place="before", **MNIST), 86_410 + 256, 6),
    (lambda: ir.plain(1, 128, layers=12, batchnorm=True, **MNIST), 187_786, 12),
    (lambda: ir.residual(1, 128, blocks=5, **MNIST), 170_890, 11),
    (lambda: ir.residual(1, 128, blocks=5, norm_place="before", **MNIST), 170_890 + 256, 11),
    (lambda: networks.dense(1, growth=16, **MNIST), 256_514, 40),
    (lambda: networks.dense(1, growth=16, norm_place="before", **MNIST), 256_514 + 168, 40),
    (lambda: ir.plain(150, 512, layers=6, batchnorm=True, **NTU), 1_430_588, 6),
    (lambda: ir.residual(150, 512, blocks=5, **NTU), 2_751_548, 11),
    (lambda: networks.dense(150, growth=48, **NTU), 2_314_428, 40),
    (lambda: ir.residual(10_000, 2000, 10_000, blocks=5, **WORDS), 48_501_600, 12),
    (lambda: networks.dense(10_000, 10_000, growth=256, first=False, **WORDS), 51_655_712, 39),
])  # fmt: skip
def test_the_numbers_of_parameters_that_the_authors_logs_print(net, parameters, layers):
    made = net()
    assert made.size == parameters and len(recurrent(made)) == layers


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


@pytest.mark.parametrize("place", networks.NORMS)
@pytest.mark.parametrize("make", [
    lambda **options: ir.plain(2, 64, 1, layers=4, batchnorm=True, **options),
    lambda **options: ir.residual(2, 64, 1, blocks=2, **options),
    lambda **options: networks.dense(2, 1, growth=32, blocks=(2, 1), **options),
], ids=list(networks.PLACES))  # fmt: skip
def test_long_memories_reach_the_last_recurrent_layer_and_no_other(make, place):
    """Whose name they are set by is what the authors' own code got wrong."""
    T, gamma = 50, 2.0
    net = make(steps=T, gamma=gamma, norm_place=place, dtype="float64")
    *others, last = (net.params[name] for name in recurrent(net))
    assert gamma ** (-1 / T) <= last.min() < 1 < last.max() <= gamma ** (1 / T)
    assert len(others) >= 3 and all(0 <= u.min() < 0.5 and u.max() <= gamma ** (1 / T) for u in others)
    every = make(steps=T, gamma=gamma, norm_place=place, output="every")
    assert all(every.params[name].min() < 0.5 for name in recurrent(every))
    said = make(steps=T, norm_place=place, last_init="ones")
    assert [set(said.params[name]) == {1.0} for name in recurrent(said)][-2:] == [False, True]


def test_without_the_bound_u_starts_where_it_does_with_it():
    free, kept = (ir.plain(2, 8, 3, 2, 10, constrain=constrain) for constrain in (False, True))
    assert not free.bounds and np.array_equal(free.flat, kept.flat)
    with pytest.raises(
        ValueError, match="recurrent_init is 'uniform' with constrain=False, expected 'ones' or a number"
    ):
        ir.plain(2, 8, 3, 2, None, constrain=False)


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
        ({"layers": 0}, "plain: layers is 0, expected a number from 1 to below 10001"),
        ({"output": "first"}, "plain: output is 'first', expected one of 'last', 'every'"),
        ({"steps": None}, "steps is None with gamma = 2.0, expected the sequence length T"),
        ({"hidden": 0}, "plain: hidden is 0, expected a number of at least 1"),
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


# -- what the networks are made of ---------------------------------------------------------------------------


def inner(layer):
    return [type(part) for part in layer.inner]


@pytest.mark.parametrize("place", networks.NORMS)
def test_the_layers_of_a_residual_network(place):
    net = ir.residual(2, 8, 3, 2, 10, dropout={"block": 0.2, "last": 0.1}, norm_place=place)
    recurrence = [Recurrence, BatchNorm] if place == "after" else [BatchNorm, Recurrence]
    read = [] if place == "after" else [BatchNorm]
    assert kinds(net) == [Linear, Residual, Residual, *recurrence, *read, Dropout, LastStep, Linear]
    second = [IndRNN, BatchNorm, Dropout] if place == "after" else [Linear, BatchNorm, Recurrence, Dropout]
    assert inner(net.layers[1]) == [*recurrence, Dropout, *second, Linear]
    rates = [layer.rate for _, layer in named_layers(net.layers) if isinstance(layer, Dropout)]
    assert rates == [0.2] * 4 + [0.1]


@pytest.mark.parametrize("place", networks.NORMS)
def test_the_layers_of_a_dense_network(place):
    net = networks.dense(2, 3, 10, growth=4, blocks=(2, 1), norm_place=place)
    layer = [IndRNN, BatchNorm, Dropout] if place == "after" else [Linear, BatchNorm, Recurrence, Dropout]
    last = layer if place == "after" else [Linear, BatchNorm, Recurrence, BatchNorm, Dropout]
    assert kinds(net) == [*layer, Concat, Concat, *layer, Concat, *last, LastStep, Linear]
    assert inner(net.layers[len(layer)]) == layer * 2
    widths = [part.outputs for part in net.layers if part.outputs and part.outputs != part.inputs]
    assert [w for w in widths if w] == [24, 28, 32, 16, 20, 10, 3]
    rates = [part.rate for _, part in named_layers(net.layers) if isinstance(part, Dropout)]
    assert rates == [0.2, 0.1, 0.2, 0.1, 0.2, 0.1, 0.1, 0.2, 0.1]


def test_batch_norm_before_the_recurrence_in_a_plain_stack():
    net = ir.plain(
        2, 8, 3, 2, 10, batchnorm=True, dropout=0.1, norm_place="before", per_step=True, positions=7
    )
    first, last = (
        [Linear, BatchNorm, Recurrence, Dropout],
        [Linear, BatchNorm, Recurrence, BatchNorm, Dropout],
    )
    assert kinds(net) == [*first, *last, LastStep, Linear]
    assert net.buffers["1.mean"].shape == (7, 8)
    bare = ir.plain(2, 8, 3, 2, 10, norm_place="before")
    assert kinds(bare) == [IndRNN, IndRNN, LastStep, Linear]


@pytest.mark.parametrize("place", networks.NORMS)
@pytest.mark.parametrize("make", [
    lambda **options: ir.plain(2, 8, 3, 2, 10, **options),
    lambda **options: ir.residual(2, 8, 3, 2, 10, **options),
    lambda **options: networks.dense(2, 3, 10, growth=4, blocks=(2, 1), **options),
], ids=list(networks.PLACES))  # fmt: skip
def test_layer_norm_takes_the_places_of_batch_norm(make, place):
    batch, layer = make(batchnorm=True, norm_place=place), make(layernorm=True, norm_place=place)
    parts = [
        [
            (name, LayerNorm if type(part) is BatchNorm else type(part))
            for name, part in named_layers(net.layers)
        ]
        for net in (batch, layer)
    ]
    assert parts[0] == parts[1] and batch.size == layer.size and not layer.buffers
    lstm = ir.plain(2, 8, 3, 2, 10, cell="lstm", layernorm=True)
    assert kinds(lstm) == [LSTM, LayerNorm, LSTM, LayerNorm, LastStep, Linear]


def test_a_rate_for_each_place_of_dropout():
    net = ir.plain(2, 8, 3, 3, 10, dropout={"layer": 0.3, "last": 0.1})
    assert [layer.rate for layer in net.layers if isinstance(layer, Dropout)] == [0.3, 0.3, 0.1]


@pytest.mark.parametrize("make", [
    lambda **options: ir.plain(9, 8, 9, layers=2, **options),
    lambda **options: ir.residual(9, 8, 9, blocks=1, **options),
    lambda **options: networks.dense(9, 9, growth=2, blocks=(2,), first=False, **options),
], ids=list(networks.PLACES))  # fmt: skip
def test_symbols_are_embedded_and_tied(make):
    options = {"steps": 10, "output": "every", "norm_place": "before", "batchnorm": True, "dropout": 0.1}
    ids = np.random.default_rng(0).integers(0, 9, (10, 4))
    for tied, size in ((False, 5), (True, 5), (True, 8)):
        net = make(embedding=size, tied=tied, embedding_dropout=0.1, **options)
        assert isinstance(net.layers[0], Embedding) and isinstance(net.layers[1], Dropout)
        assert type(net.layers[-1]) is (Tied if tied else Linear)
        assert net.layers[-1].input_size == size or not tied
        y, _, tape = net.forward(ids)
        dx, _, grads = net.backward(np.ones_like(y), tape)
        assert y.shape == (10, 4, 9) and dx is None and np.isfinite(grads.flat).all()


@pytest.mark.parametrize("place", networks.NORMS)
def test_a_residual_network_on_two_backends(place):
    x, results = np.random.default_rng(0).standard_normal((12, 5, 2)), []
    for backend in ("reference", "cpu"):
        net = ir.residual(2, 7, 3, 3, 12, norm_place=place, dropout=0.2, backend=backend, dtype="float64")
        y, _, tape = net.forward(x)
        dx, _, grads = net.backward(np.ones_like(y), tape)
        results.append([y, dx, grads.flat, net.buffers.flat])
    for one, other in zip(*results, strict=True):
        assert_close(one, other, scale=10)


# -- other cells ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cell", "layer", "values"), [
    ("rnn-tanh", "RNN", {"activation": "tanh"}),
    ("rnn-relu", "RNN", {"activation": "relu"}),
    ("irnn", "RNN", {"activation": "relu", "recurrent_init": "identity", "input_init": 0.001}),
    ("lstm", "LSTM", {}),
    ("gru", "GRU", {}),
    ("rotating", "RotatingIndRNN", {"activation": "relu"}),
])  # fmt: skip
def test_a_stack_of_another_cell(cell, layer, values):
    net = ir.plain(2, 4, 3, 2, 6, batchnorm=True, dropout=0.1, cell=cell)
    assert [part.__name__ for part in kinds(net)] == [layer, "BatchNorm", "Dropout"] * 2 + [
        "LastStep",
        "Linear",
    ]
    assert {name: getattr(net.layers[3], name) for name in values} == values and not net.bounds
    assert net(np.zeros((6, 3, 2), np.float32)).shape == (3, 3)
    assert ir.plain(2, 4, 3, 1, 6, cell="irnn", input_init=0.01).layers[0].input_init == 0.01
    assert ir.plain(2, 4, 3, 1, 6, cell="rotating", activation="tanh").layers[0].activation == "tanh"


@pytest.mark.parametrize(("options", "words"), [
    ({"cell": "elman"}, "plain: cell is 'elman', expected one of 'indrnn', 'rnn-tanh'"),
    ({"cell": "lstm", "gamma": 2.0}, "plain: gamma is 2.0 with cell='lstm', expected no gamma because the layer LSTM"),
    ({"cell": "gru", "last_init": "long"}, "last_init is 'long' with cell='gru', expected no last_init"),
    ({"cell": "rnn-relu", "constrain": False}, "constrain is False with cell='rnn-relu', expected no constrain"),
    ({"cell": "rnn-relu", "activation": "tanh"}, "expected no activation because the cell implies activation"),
    ({"cell": "gru", "activation": "tanh"}, "expected no activation because the layer GRU has no such option"),
    ({"cell": "rotating", "gamma": 2.0}, "expected no gamma because the layer RotatingIndRNN has no such option"),
    ({"cell": "lstm", "batchnorm": True, "norm_place": "before"},
     "norm_place is 'before' with cell='lstm', expected 'after'"),
    ({"cell": "gru", "layernorm": True, "norm_place": "before"}, "no place for a norm after W"),
    ({"norm_place": "beside"}, "plain: norm_place is 'beside', expected one of 'after', 'before'"),
    ({"dropout": {"first": 0.1}}, "plain: a place of dropout is 'first', expected one of 'embedding', 'layer', 'last'"),
    ({"tied": True}, "plain: tied is True without an embedding, expected embedding=N"),
    ({"embedding": 4, "tied": True}, "plain: output_size is 3 with tied=True, expected 2 because each input symbol"),
])  # fmt: skip
def test_what_a_stack_has_not(options, words):
    with pytest.raises(ValueError, match=words):
        ir.plain(2, 4, 3, 1, 6, **options)


@pytest.mark.parametrize(("make", "words"), [
    (lambda: ir.residual(2, 4, 3, 0, 6), "residual: blocks is 0, expected a number from 1 to below 10001"),
    (lambda: ir.residual(2, 4, 3, 1, 6, output="first"), "residual: output is 'first', expected one of 'last'"),
    (lambda: networks.dense(2, 3, 6, blocks=()), "dense: blocks is 0, expected a number of at least 1"),
    (lambda: networks.dense(2, 3, 6, blocks=(1, 0)), r"dense: blocks\[1\] is 0, expected a number of at least 1"),
    (lambda: networks.dense(2, 3, 6, growth=0), "dense: growth is 0"),
])  # fmt: skip
def test_errors_of_the_deep_networks(make, words):
    with pytest.raises(ValueError, match=words):
        make()
