"""Layers made of layers, and the papers' networks, small enough to be checked against finite differences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import layers, networks
from ..sequential import Sequential
from . import op_cases

BACKEND = "reference"  # which holds the network; the backend that is checked gets a copy


def deep_cases(seed: int) -> Iterator[tuple[str, Sequential, dict[str, Any]]]:
    """Title, network and what gradcheck is given."""
    rng = np.random.default_rng([seed, 4])
    T, B, D, H, K = (op_cases.SIZES[letter] for letter in "TBDHK")
    every = {"x": rng.standard_normal((T, B, D))}
    some = every | {"lengths": op_cases.draw_lengths(rng, T, B)}
    labels = some | {"y": rng.integers(0, K, B), "loss": "softmax_cross_entropy"}
    target = every | {"y": rng.standard_normal((T, B, K)), "loss": "mse"}
    where: dict[str, Any] = {"steps": T, "backend": BACKEND, "seed": seed}

    def moved(net: Sequential) -> Sequential:
        net.flat[...] += 0.1 * rng.standard_normal(net.size)  # no bias at 0, where a relu has its kink
        return net

    def one(layer: layers.Layer) -> Sequential:
        return moved(Sequential([layer], **where))

    yield "layer Recurrence", one(layers.Recurrence(D)), some
    yield "layer Recurrence, tanh, reverse", one(layers.Recurrence(D, "tanh", reverse=True)), some
    chain = [layers.Recurrence(D, "tanh"), layers.BatchNorm(D), layers.Dropout(0.3),
             layers.IndRNN(D, D, "tanh", input_init=0.4)]  # fmt: skip
    yield "layer Residual", one(layers.Residual(chain)), every
    yield "layer Concat", one(layers.Concat(chain)), every
    deep: dict[str, Any] = {**where, "dropout": 0.2, "input_init": 0.5}
    for norm in networks.NORMS:
        told = f"norm {norm}, lengths, cross-entropy"
        yield f"net residual, {told}", moved(networks.residual(D, H, K, 2, norm=norm, **deep)), labels
        dense = networks.dense(D, K, growth=2, bottleneck=2, blocks=(2, 1), norm=norm, **deep)
        yield f"net dense, {told}", moved(dense), labels
    plain = networks.plain(D, H, K, 2, batchnorm=True, norm="before", output="every", per_step=True, **deep)
    yield "net plain, norm before, squared error at every step", moved(plain), target
