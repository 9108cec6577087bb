"""What `indrnn check` goes through: every op, layer and kind of network, on every backend of this machine.

    derivatives   the backward pass against central differences or complex steps, in float64
    reference     the results of a fast twin, gradients included, against the reference's, in float32 and float64

One check may cover several variants (both directions, with and without lengths); it then tells the worst of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import layers
from ..backend import get
from ..layers.chain import named_layers
from ..sequential import Sequential
from . import gradcheck, op_cases
from .deep_cases import deep_cases
from .language_cases import language_stacks
from .report import Report
from .twins import PLAIN_OPS, REFERENCE, TOLERANCE, Outcome, compare, op_twin, worst

DERIVATIVES = "derivatives"
Options = dict[str, Any]


@dataclass(frozen=True)
class Check:
    """One line of the table."""

    what: str
    against: str
    backend: str
    dtype: str
    run: Callable[[], Outcome]


def all_checks(backends: Iterable[str], seed: int = 0) -> Iterator[Check]:
    """Every check for these backends."""
    for backend in backends:
        serves = get(backend).serves
        ops = [(what, name, variants) for what, name, variants in OPS if serves(name)]
        for what, name, variants in ops:
            yield Check(what, DERIVATIVES, backend, "float64", _gradients(name, variants, backend, seed))
        for what, net, arguments in itertools.chain(network_cases(seed), deep_cases(seed)):
            if all(serves(op) for _, layer in named_layers(net.layers) for op in layer.needs):
                yield Check(
                    what, DERIVATIVES, backend, "float64", _gradients(net, [arguments], backend, seed)
                )
        for dtype in () if backend in (REFERENCE,) else TOLERANCE:
            for what, name, variants in ops:
                computations = [op_twin(name, seed, options) for options in variants]
                yield Check(what, REFERENCE, backend, dtype, _twins(computations, backend, dtype, seed))
            for what, computation in PLAIN_OPS:
                yield Check(what, REFERENCE, backend, dtype, _twins([computation], backend, dtype, seed))


def _gradients(target: Any, variants: list[Options], backend: str, seed: int) -> Callable[[], Outcome]:
    def check(options: Options) -> Outcome:
        return of_report(gradcheck(target, backend=backend, seed=seed, raises=False, **options))

    return lambda: worst(map(check, variants))


def _twins(computations: list[Any], backend: str, dtype: str, seed: int) -> Callable[[], Outcome]:
    return lambda: worst(compare(computation, backend, dtype, seed) for computation in computations)


def of_report(report: Report) -> Outcome:
    """The worst row of a gradient check."""
    return worst(Outcome(r.error, r.tolerance, r.kinks, r.status, f"{report.what}: {r}") for r in report)


def variants_of(**options: tuple[Any, ...]) -> list[Options]:
    """Every combination of the options given."""
    return [dict(zip(options, values, strict=True)) for values in itertools.product(*options.values())]


BOTH = (False, True)
OPS: list[tuple[str, str, list[Options]]] = [
    *(
        (f"op {name}, {phi}", name, variants_of(activation=(phi,), lengths=BOTH, reverse=BOTH))
        for name in ("recurrence", "indrnn", "rnn")
        for phi in ("relu", "tanh", "sigmoid", "identity")
    ),
    *((f"op {name}", name, variants_of(lengths=BOTH, reverse=BOTH)) for name in ("lstm", "gru")),
    ("op affine", "affine", [{}]),
    ("op batchnorm", "batchnorm", variants_of(lengths=BOTH)),
    ("op batchnorm, per step", "batchnorm", variants_of(lengths=BOTH, per_step=(True,))),
    ("op dropout", "dropout", variants_of(rate=(0.0, 0.3))),
    ("op softmax_cross_entropy", "softmax_cross_entropy", variants_of(every=BOTH, mask=BOTH)),
    ("op mse", "mse", variants_of(every=BOTH, mask=BOTH)),
    ("op embedding", "embedding", variants_of(factors=BOTH)),
    ("op layernorm", "layernorm", [{}]),
]


def _cells(D: int, H: int) -> Iterator[tuple[str, layers.Layer]]:
    """Title and layer of the cells with a recurrent matrix."""
    yield "RNN, tanh", layers.RNN(D, H)
    yield "RNN, relu, reverse", layers.RNN(D, H, "relu", 0.5, 0.3, reverse=True)
    yield "LSTM", layers.LSTM(D, H)
    yield "LSTM, both ways", layers.Bidirectional(layers.LSTM(D, H))
    yield "GRU", layers.GRU(D, H)


def network_cases(seed: int) -> Iterator[tuple[str, Sequential, Options]]:
    """Title, network and what gradcheck is given, for every layer and for stacks of them."""
    rng = np.random.default_rng(seed)
    T, B, D, H, K = (op_cases.SIZES[letter] for letter in "TBDHK")
    some = {"x": rng.standard_normal((T, B, D)), "lengths": op_cases.draw_lengths(rng, T, B)}
    every = {"x": some["x"]}
    labels = {"y": rng.integers(0, K, B), "loss": "softmax_cross_entropy"}
    target = {"y": rng.standard_normal((T, B, K)), "loss": "mse"}

    def net(*stack: Any) -> Sequential:
        made = Sequential(stack, steps=T, backend=REFERENCE, dtype="float32", seed=seed)
        made.flat[...] += 0.1 * rng.standard_normal(
            made.size
        )  # no bias of 0: it would put inputs of 0 at the kink
        return made

    def cell(inputs: int = D, **options: Any) -> layers.IndRNN:
        return layers.IndRNN(inputs, H, input_init=0.4, **options)

    yield "layer IndRNN", net(cell()), some
    yield "layer IndRNN, reverse, learned h0", net(cell(activation="tanh", reverse=True, learn_h0=True)), some
    yield "layer Bidirectional", net(layers.Bidirectional(cell())), some
    for title, layer in _cells(D, H):
        yield f"layer {title}", net(layer), some
    yield "layer Linear", net(layers.Linear(D, K)), every
    yield "layer BatchNorm", net(layers.BatchNorm(D)), some
    yield "layer BatchNorm, per step", net(layers.BatchNorm(D, per_step=True)), some
    yield "layer Dropout", net(layers.Dropout(0.3)), every
    yield "layer LastStep", net(layers.LastStep()), some
    for title, stack, given in language_stacks(rng, some["x"], some["lengths"], K):
        yield title, net(*stack), given
    for phi in ("relu", "tanh"):
        stack = [cell(activation=phi), layers.BatchNorm(H), layers.Dropout(0.2)]
        stack += [layers.Bidirectional(cell(H, activation=phi)), layers.BatchNorm(2 * H, per_step=True)]
        read, title = layers.Linear(2 * H, K), f"net {phi}, batch norm, dropout, both ways"
        yield f"{title}, lengths, cross-entropy", net(*stack, layers.LastStep(), read), some | labels
        yield f"{title}, squared error at every step", net(*stack, read), every | target
