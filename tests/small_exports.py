"""Small networks with random weights for the tests of export/, by name."""

import numpy as np

import indrnn_np as ir

T, D, K = 1000, 3, 4
RUN = {"backend": "reference", "seed": 5}


def plain(**options):
    return ir.plain(D, 12, K, layers=2, steps=T, input_init="kaiming", **RUN, **options)


def residual(**options):
    return ir.networks.residual(D, 10, K, 2, T, input_init="kaiming", **RUN, **options)


def dense(**options):
    return ir.networks.dense(D, K, T, growth=4, blocks=(2, 1), **RUN, **options)


def cell(name, **options):
    return ir.plain(D, 9, K, layers=2, steps=T, cell=name, output="every", **RUN, **options)


def stack(*layers):
    return ir.Sequential(layers, steps=T, **RUN)


def symbols():
    """An embedding with a tied read-out, a learned initial state and layer norm."""
    return stack(
        ir.Embedding(7, 6, 0.5), ir.Dropout(0.2), ir.IndRNN(6, 6, "tanh", learn_h0=True), ir.LayerNorm(6), ir.Tied(6, 7)
    )  # fmt: skip


def norms():
    """Batch norm that no neighbour can take, before and after layers that can."""
    inner = [ir.Linear(6, 6), ir.BatchNorm(6), ir.Recurrence(6, "sigmoid")]
    return stack(
        ir.BatchNorm(D), ir.LSTM(D, 6), ir.BatchNorm(6), ir.Residual(inner), ir.BatchNorm(6), ir.Dropout(0.1),
        ir.RNN(6, 5, "sigmoid"), ir.BatchNorm(5), ir.GRU(5, 5), ir.BatchNorm(5),
    )  # fmt: skip


STREAMS = {
    "plain": plain,
    "plain, every step, norm after, tanh": lambda: plain(
        batchnorm=True, dropout=0.3, output="every", activation="tanh"
    ),
    "plain, norm before, identity": lambda: plain(
        batchnorm=True, norm_place="before", activation="identity", gamma=1.0
    ),
    "residual": residual,
    "residual, norm before, sigmoid": lambda: residual(norm_place="before", activation="sigmoid"),
    "residual without norm, tanh": lambda: residual(batchnorm=False, activation="tanh"),
    "dense": dense,
    "dense, norm before": lambda: dense(norm_place="before", gamma=1.0),
    "symbols": symbols,
    "norms": norms,
    "rnn-relu": lambda: cell("rnn-relu"),
    "rnn-tanh, norm": lambda: cell("rnn-tanh", batchnorm=True),
    "lstm": lambda: cell("lstm"),
    "gru": lambda: cell("gru"),
    "rnn, identity": lambda: stack(ir.RNN(D, 5, "identity", recurrent_init=0.9), ir.LastStep(), ir.LayerNorm(5)),
}  # fmt: skip
BOTH_WAYS = {
    "bidirectional": lambda: stack(
        ir.Bidirectional(ir.IndRNN(D, 5)), ir.BatchNorm(10), ir.Bidirectional(ir.LSTM(10, 4)), ir.LastStep()
    ),
    "reverse": lambda: stack(
        ir.IndRNN(D, 5, reverse=True),
        ir.GRU(5, 5, reverse=True),
        ir.Linear(5, K),
        ir.Recurrence(K, reverse=True),
    ),
}


def make(name, seed=0):
    """The network of a name, with random statistics of batch norm, biases, scales and initial states."""
    net, rng = (STREAMS | BOTH_WAYS)[name](), np.random.default_rng(seed)
    for path, array in {**net.params, **net.buffers}.items():
        letter = path.rpartition(".")[2]
        if letter in ("b", "c", "h0", "shift", "mean"):
            array[...] = 0.3 * rng.standard_normal(array.shape)
        elif letter in ("scale", "var"):
            array[...] = rng.uniform(0.5, 2.0, array.shape)
    return net


def inputs(net, *shape, seed=1):
    """Random inputs of a shape such as (T, B), with D numbers each, or symbols."""
    rng = np.random.default_rng(seed)
    if net.symbols is not None:
        return rng.integers(0, net.symbols, shape)
    return rng.standard_normal((*shape, D)).astype(np.float32)
