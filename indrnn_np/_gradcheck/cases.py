"""Checks of `indrnn check`: every op, layer and kind of network, on every backend of this machine.

derivatives   the backward pass compared with central differences or complex steps, in float64
tangents      the backward pass compared with forward mode, in float64 (`indrnn check --method jvp`)
reference     results and gradients of a fast twin compared with the reference, in float32 and float64

A check of several variants (both directions, with and without lengths) reports the worst one. In
numba's simulator the sizes are small and whole networks are left out, so the checks take a minute.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from .. import layers
from .._types import Array, Value
from ..backend import get
from ..layers.chain import named_layers
from ..networks.sequential import Sequential
from ..ops.catalogue import Arguments, Draw, Entry, entries, tangents
from . import gradcheck
from .deep_cases import deep_cases, moved
from .twins import REFERENCE, TOLERANCE, Outcome, compare, worst

DERIVATIVES, TANGENTS = "derivatives", "tangents"
IN_SIMULATOR: Arguments = {"T": 7, "B": 3, "D": 4, "H": 5, "K": 3}


@dataclass(frozen=True)
class Check:
    """Row of the table, with the function that runs the check."""

    what: str
    against: str
    backend: str
    dtype: str
    run: Callable[[], Outcome]


def tangent_checks(backends: Iterable[str], seed: int = 0) -> Iterator[Check]:
    """Yield the checks of every backward pass against tangents, for the backends that have them."""
    for backend in backends:
        if get(backend).otherwise != REFERENCE:
            continue
        with_tangent = {entry.op for entry in tangents()}
        for entry in entries():
            checked = entry.gradients and entry.op in with_tangent
            for title, variants in rows_of(entry, backend) if checked else ():
                run = partial(derivatives, entry.op, variants, backend, seed, "jvp")
                yield Check(title, TANGENTS, backend, "float64", run)
        for title, net, arguments in itertools.chain(network_cases(seed, {}), deep_cases(seed, {})):
            run = partial(derivatives, net, [arguments], backend, seed, "jvp")
            yield Check(title, TANGENTS, backend, "float64", run)


def all_checks(backends: Iterable[str], seed: int = 0) -> Iterator[Check]:
    """Yield every check for these backends."""
    for backend in backends:
        serves, simulated = get(backend).serves, get(backend).device.simulated
        sizes = IN_SIMULATOR if simulated else {}
        served = [entry for entry in entries() if serves(entry.op)]
        for entry in served:
            for title, variants in rows_of(entry, backend) if entry.gradients else ():
                run = partial(derivatives, entry.op, [v | sizes for v in variants], backend, seed)
                yield Check(title, DERIVATIVES, backend, "float64", run)
        for title, net, arguments in itertools.chain(network_cases(seed, sizes), deep_cases(seed, sizes)):
            if simulated and title.startswith("net "):
                continue
            if all(serves(op) for _, layer in named_layers(net.layers) for op in layer.needs):
                run = partial(derivatives, net, [arguments], backend, seed)
                yield Check(title, DERIVATIVES, backend, "float64", run)
        with_backward = [(entry.op, entry.source.name) for entry in served if entry.forward]
        alone = [entry for entry in served if (entry.op, entry.name) not in with_backward]
        for dtype, entry in itertools.product(() if backend == REFERENCE else TOLERANCE, alone):
            for title, variants in rows_of(entry, backend):
                run = partial(twins, entry, variants, backend, dtype, seed, sizes)
                yield Check(title, REFERENCE, backend, dtype, run)


def derivatives(
    target: Sequential | str, variants: list[Arguments], backend: str, seed: int, method: str = "auto"
) -> Outcome:  # fmt: skip
    """Compare the variants with derivatives, and return the worst outcome."""
    how: Arguments = {"backend": backend, "seed": seed, "method": method, "raises": False}
    reports = [gradcheck(target, **how, **options) for options in variants]
    return worst(
        Outcome(row.error, row.tolerance, row.kinks, row.status, f"{report.what}: {row}")
        for report in reports
        for row in report
    )


def twins(
    entry: Entry, variants: list[Arguments], backend: str, dtype: str, seed: int, sizes: Arguments
) -> Outcome:
    """Compare the variants with the reference, and return the worst outcome."""
    return worst(compare(entry, options, backend, dtype, seed, sizes) for options in variants)


def rows_of(entry: Entry, backend: str) -> Iterator[tuple[str, list[Arguments]]]:
    """Yield the title of each row of an entry, and the options of its variants on a backend."""
    name = f"op {entry.op}" if entry.gradients else f"op {entry.op}.{entry.name}"
    parts = [name, "bit for bit"] if entry.exact else [name]
    split = entry.source.rows
    for value in entry.source.options.get(split, (None,)):
        title = value if isinstance(value, str) else split.replace("_", " ") if value else ""
        fixed = {split: value} if split else {}
        yield ", ".join([*parts, title] if title else parts), entry.variants(backend, **fixed)


def _cells(D: int, H: int) -> Iterator[tuple[str, layers.Layer]]:
    """Yield title and layer of the other cells."""
    yield "RNN, tanh", layers.RNN(D, H)
    yield "RNN, relu, reverse", layers.RNN(D, H, "relu", 0.5, 0.3, reverse=True)
    yield "LSTM", layers.LSTM(D, H)
    yield "LSTM, bidirectional", layers.Bidirectional(layers.LSTM(D, H))
    yield "GRU", layers.GRU(D, H)
    pairs = 2 * -(-H // 2)
    yield "RotatingIndRNN", layers.RotatingIndRNN(D, pairs)
    yield "RotatingIndRNN, tanh, reverse", layers.RotatingIndRNN(D, pairs, "tanh", reverse=True)


def network_cases(seed: int, sizes: Arguments) -> Iterator[tuple[str, Sequential, Arguments]]:
    """Yield title, network and arguments of gradcheck, for every layer and for stacks of layers."""
    rng = np.random.default_rng(seed)
    d = Draw(rng, **sizes)
    T, B, D, H, K = d.T, d.B, d.D, d.H, d.K
    ragged = {"x": rng.standard_normal((T, B, D)), "lengths": d.lengths()}
    full = {"x": ragged["x"]}
    labels = {"y": rng.integers(0, K, B), "loss": "softmax_cross_entropy"}
    target = {"y": rng.standard_normal((T, B, K)), "loss": "mse"}

    def net(*stack: layers.Layer) -> Sequential:
        return moved(Sequential(stack, steps=T, backend=REFERENCE, dtype="float32", seed=seed), rng)

    def cell(inputs: int = D, **options: Value) -> layers.IndRNN:
        return layers.IndRNN(inputs, H, input_init=0.4, **options)

    yield "layer IndRNN", net(cell()), ragged
    learned = cell(activation="tanh", reverse=True, learn_h0=True)
    yield "layer IndRNN, reverse, learned h0", net(learned), ragged
    yield "layer Bidirectional", net(layers.Bidirectional(cell())), ragged
    for title, layer in _cells(D, H):
        yield f"layer {title}", net(layer), ragged
    yield "layer Linear", net(layers.Linear(D, K)), full
    yield "layer BatchNorm", net(layers.BatchNorm(D)), ragged
    yield "layer BatchNorm, per step", net(layers.BatchNorm(D, per_step=True)), ragged
    yield "layer Dropout", net(layers.Dropout(0.3)), full
    yield "layer LastStep", net(layers.LastStep()), ragged
    for title, stack, arguments in language_stacks(rng, ragged["x"], ragged["lengths"], K):
        yield title, net(*stack), arguments
    for phi in ("relu", "tanh"):
        stack = [cell(activation=phi), layers.BatchNorm(H), layers.Dropout(0.2)]
        stack += [layers.Bidirectional(cell(H, activation=phi)), layers.BatchNorm(2 * H, per_step=True)]
        read, title = layers.Linear(2 * H, K), f"net {phi}, batch norm, dropout, bidirectional"
        yield f"{title}, lengths, cross-entropy", net(*stack, layers.LastStep(), read), ragged | labels
        yield f"{title}, squared error at every step", net(*stack, read), full | target


def language_stacks(
    rng: np.random.Generator, x: Array, lengths: Array, symbols: int
) -> Iterator[tuple[str, list[layers.Layer], Arguments]]:
    """Yield title, layers and arguments of gradcheck for the layers of language models."""
    T, B, D = x.shape
    ids, following = rng.integers(0, symbols, (2, T, B))
    yield "layer LayerNorm", [layers.LayerNorm(D)], {"x": x}
    yield "layer Embedding", [layers.Embedding(symbols, D, 0.5, 0.3)], {"x": ids, "lengths": lengths}
    stack = [layers.Embedding(symbols, D, 0.5, 0.2), layers.BatchNorm(D, per_step=True, positions=2 * T)]
    stack += [layers.Recurrence(D, gamma=1.0), layers.Tied(D, symbols)]
    arguments = {"x": ids, "y": following, "loss": "softmax_cross_entropy"}
    yield "layer Tied, behind Embedding and BatchNorm by position", stack, arguments
