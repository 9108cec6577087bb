"""Layers that contain layers, and the networks of the papers, small enough for a gradient check."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .. import layers, networks
from ..networks.sequential import Sequential
from ..ops.catalogue import Arguments, Draw
from .twins import REFERENCE


def deep_cases(seed: int, sizes: Arguments) -> Iterator[tuple[str, Sequential, Arguments]]:
    """Yield title, network and arguments of gradcheck."""
    rng = np.random.default_rng([seed, 4])
    d = Draw(rng, **sizes)
    T, B, D, H, K = d.T, d.B, d.D, d.H, d.K
    full = {"x": rng.standard_normal((T, B, D))}
    ragged = full | {"lengths": d.lengths()}
    labels = ragged | {"y": rng.integers(0, K, B), "loss": "softmax_cross_entropy"}
    target = full | {"y": rng.standard_normal((T, B, K)), "loss": "mse"}
    options: Arguments = {"steps": T, "backend": REFERENCE, "seed": seed}

    def net(layer: layers.Layer) -> Sequential:
        return moved(Sequential([layer], **options), rng)

    yield "layer Recurrence", net(layers.Recurrence(D)), ragged
    yield "layer Recurrence, tanh, reverse", net(layers.Recurrence(D, "tanh", reverse=True)), ragged
    chain = [layers.Recurrence(D, "tanh"), layers.BatchNorm(D), layers.Dropout(0.3)]
    chain += [layers.IndRNN(D, D, "tanh", input_init=0.4)]
    yield "layer Residual", net(layers.Residual(chain)), full
    yield "layer Concat", net(layers.Concat(chain)), full
    deep: Arguments = {**options, "dropout": 0.2, "input_init": 0.5}
    for place in networks.NORMS:
        title = f"norm {place}, lengths, cross-entropy"
        residual = networks.residual(D, H, K, 2, norm_place=place, **deep)
        yield f"net residual, {title}", moved(residual, rng), labels
        dense = networks.dense(D, K, growth=2, bottleneck=2, blocks=(2, 1), norm_place=place, **deep)
        yield f"net dense, {title}", moved(dense, rng), labels
    deep |= {"norm_place": "before", "per_step": True}
    plain = networks.plain(D, H, K, 2, batchnorm=True, output="every", **deep)
    yield "net plain, norm before, squared error at every step", moved(plain, rng), target


def moved(net: Sequential, rng: np.random.Generator) -> Sequential:
    """Add noise to the parameters, because biases of 0 put relus at their kink."""
    net.flat[...] += 0.1 * rng.standard_normal(net.size)
    return net
