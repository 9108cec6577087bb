"""What the neurons of a network do: the states of every recurrent layer, and what the read-out reads."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import _check
from ..layers import BatchNorm, Bidirectional, Dropout, LastStep, Layer, Linear, Tied
from ..layers.base import Context
from ..layers.chain import forward_layers
from ..layers.recurrent import Recurrent
from ..sequential import Sequential
from ..stack import check_input, take
from ..tasks import Batch
from ..training import metrics


class Heard(NamedTuple):
    """A recurrent layer with its states h (T, B, H), row t the one after step t; NumPy's."""

    layer: Recurrent
    h: np.ndarray


class Pass(NamedTuple):
    """One pass through a network. states: by the layer's name, from input to output; read: what the last layer reads;
    y: the output; after: the state after the last step.
    """

    states: dict[str, Heard]
    read: Any
    y: Any
    after: tuple[Any, ...]


class Rows(NamedTuple):
    """Answers of a network, one a row: z (S, N) float64 what the read-out reads, y (S, K) what it gives, and the
    targets, (S, K) or labels (S,).
    """

    z: np.ndarray
    y: np.ndarray
    target: np.ndarray


class Ear(Layer):
    """A recurrent layer whose output is kept by the layer's name on its way."""

    def __init__(self, layer: Any, heard: dict[str, Heard], host: Any) -> None:
        self.layer, self.heard, self.host = layer, heard, host
        self.reads_normalised, self.causal = layer.reads_normalised, layer.causal  # type: ignore[misc]

    @property
    def inputs(self) -> int | None:
        return self.layer.inputs

    @property
    def outputs(self) -> int | None:
        return self.layer.outputs

    def forward(self, x: Any, state: Any, ctx: Context) -> tuple[Any, Any, Any]:
        y, after, tape = self.layer.forward(x, state, ctx)
        name, h = ctx.prefix.rstrip("."), self.host(y)
        if isinstance(self.layer, Bidirectional):
            one, H = self.layer.layer, h.shape[2] // 2
            other: Any = dataclasses.replace(one, reverse=True)  # type: ignore[type-var]
            self.heard |= {
                f"{name}.forward": Heard(one, h[..., :H]),
                f"{name}.reverse": Heard(other, h[..., H:]),
            }
        else:
            self.heard[name] = Heard(self.layer, h)
        return y, after, tape


def listen(
    net: Sequential, x: np.ndarray, lengths: np.ndarray | None = None, state: Sequence[Any] | None = None,
    training: bool = False,
) -> Pass:  # fmt: skip
    """Run x (T, B, D), or (T, B) symbols, and keep the states of all recurrent layers.

    As in inference, or with `training` with the statistics of this batch. Nothing is dropped, and the network stays as
    it is. Rows after a sample's end are zero.
    """
    lengths = check_input(net, x, lengths, training)
    heard: dict[str, Heard] = {}
    layers = [_with_ears(layer, heard, net.ops.to_host) for layer in net.layers]
    states = (None,) * len(layers) if state is None else state
    options: dict[str, Any] = {"lengths": lengths, "training": training, "dropout": False}
    contexts = [net.context(i, **options) for i in range(len(layers))]
    kept = net.ops.copy(net.buffers.flat)
    try:
        read, after, _ = forward_layers(layers[:-1], take(net.ops, x, lengths), states[:-1], contexts[:-1])
        y, last, _ = layers[-1].forward(read, states[-1], contexts[-1])
    finally:
        net.ops.assign(net.buffers.flat, kept)
    return Pass(heard, read, y, (*after, last))


def _with_ears(layer: Any, heard: dict[str, Heard], host: Any) -> Layer:
    """The layer, or one made of layers with ears inside."""
    if isinstance(layer, Recurrent | Bidirectional):
        return Ear(layer, heard, host)
    if not layer.inner:
        return layer
    return dataclasses.replace(layer, layers=tuple(_with_ears(part, heard, host) for part in layer.inner))


def parts(layers: Sequence[str], sizes: Sequence[int]) -> list[tuple[str, slice]]:
    """The name of each layer, and which of the neurons of all layers in a row are its own."""
    ends = np.cumsum(sizes)
    return [
        (name, slice(int(end) - size, int(end))) for name, size, end in zip(layers, sizes, ends, strict=True)
    ]


def read_out(where: str, net: Sequential) -> tuple[str, np.ndarray]:
    """Return the name of the last recurrent layer and the weights (K, N) that read its neurons.

    Raises ValueError where a weight of the read-out does not belong to one neuron of that layer: between both only
    batch norm, dropout and LastStep may stand.
    """
    last = net.layers[-1]
    if not isinstance(last, Linear | Tied):
        _check.fail(where, f"the last layer is {last!r}", "a Linear or a Tied", "which reads the neurons out")
    W = net.params[f"{last.to}.E" if isinstance(last, Tied) else f"{len(net.layers) - 1}.W"]
    for i in reversed(range(len(net.layers) - 1)):
        layer = net.layers[i]
        if isinstance(layer, Recurrent | Bidirectional):
            return str(i), net.ops.to_host(W)
        if not isinstance(layer, BatchNorm | Dropout | LastStep):
            because = "because each weight of the read-out has to belong to one neuron"
            _check.fail(where, f"the read-out reads layer {i}, {layer!r}", "a recurrent layer", because)
    return _check.fail(where, "the network has no recurrent layer", "one below the read-out")


def rows(net: Sequential, batches: Iterable[Batch], most: int | None = None) -> Rows:
    """Run batches, as an evaluation does, and return what each answer was read from; the first `most` answers."""
    answers: list[Rows] = []
    state, count, host = None, 0, net.ops.to_host
    for batch in batches:
        found = listen(net, batch.x, batch.lengths, state if batch.carry else None)
        state = found.after
        answers.append(rows_of(host(found.read), host(found.y), batch, host))
        count += len(answers[-1].z)
        if most is not None and count >= most:
            break
    return Rows(*(np.concatenate(column)[:most] for column in zip(*answers, strict=True)))


def rows_of(read: np.ndarray, y: np.ndarray, batch: Batch, host: Any) -> Rows:
    """The answers of one batch that count."""
    target = np.repeat(host(batch.target), batch.repeats, axis=y.ndim - 2)
    mask = metrics.mask_of(batch, y)
    keep = np.ones(y.shape[:-1], bool) if mask is None else np.repeat(mask, batch.repeats, axis=y.ndim - 2)
    return Rows(read[keep].astype(np.float64), y[keep].astype(np.float64), target[keep])
