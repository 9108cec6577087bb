"""Small networks of every kind of layer with a batch, for tests of second derivatives and samples."""

from __future__ import annotations

import numpy as np

import indrnn_np as ir

T, B, D, H, K = 6, 4, 3, 5, 4
LENGTHS = np.array([6, 0, 3, 5])
LOSSES = ("mse", "softmax_cross_entropy", "binary_cross_entropy")


def stacks():
    """Layers by name; those of "gates", "pairs", "tied" and "batch norm" are not in every test."""
    tanh, sigmoid = (
        ir.IndRNN(D, H, "tanh", input_init=0.5),
        ir.IndRNN(H, H, "sigmoid", input_init=0.5, learn_h0=True),
    )
    return {
        "last step": [tanh, sigmoid, ir.LastStep(), ir.Linear(H, K)],
        "reverse": [ir.IndRNN(D, H, "tanh", input_init=0.5, reverse=True), ir.Linear(H, K)],
        "relu": [ir.IndRNN(D, H, input_init=0.5), ir.Linear(H, K)],
        "containers": [
            ir.Bidirectional(tanh), ir.Residual([ir.LayerNorm(2 * H), ir.RNN(2 * H, 2 * H)]),
            ir.Concat([ir.Dropout(0.2), ir.Recurrence(2 * H, "sigmoid")]), ir.Linear(4 * H, K),
        ],
        "tied": [ir.Embedding(K, H, 0.5, 0.2), ir.Recurrence(H), ir.Tied(H, K)],
        "gates": [ir.LSTM(D, H), ir.GRU(H, H, reverse=True), ir.Bidirectional(ir.LSTM(H, H)), ir.Linear(2 * H, K)],
        "pairs": [ir.RotatingIndRNN(D, 6), ir.RotatingIndRNN(6, 4, "tanh", reverse=True), ir.Linear(4, K)],
        "exp": [
            ir.IndRNN(D, H, "tanh", input_init=0.5, u_form="exp", learn_h0=True),
            ir.Bidirectional(ir.IndRNN(H, H, "sigmoid", input_init=0.5, u_form="exp")),
            ir.Recurrence(2 * H, "tanh", u_form="exp"), ir.Linear(2 * H, K),
        ],
        "batch norm": [
            ir.IndRNN(D, H, input_init=0.5), ir.BatchNorm(H), ir.BatchNorm(H, per_step=True), ir.Linear(H, K),
        ],
    }  # fmt: skip


def problem(name, loss="softmax_cross_entropy", backend="cpu", seed=0):
    """Return a float64 network, x and target."""
    layers, rng = stacks()[name], np.random.default_rng(seed)
    net = ir.Sequential(layers, steps=T, dtype="float64", backend=backend, seed=seed)
    net.flat[...] += 0.2 * rng.standard_normal(net.size)
    x = rng.standard_normal((T, B, D)) if net.symbols is None else rng.integers(0, K, (T, B))
    shape = (B, K) if name == "last step" else (T, B, K)
    targets = {
        "mse": rng.standard_normal(shape), "softmax_cross_entropy": rng.integers(0, K, shape[:-1]),
        "binary_cross_entropy": rng.random(shape),
    }  # fmt: skip
    return net, x, targets[loss]
