"""Where the first number that is not finite stood, when a run diverges.

The pass is repeated layer by layer: dropout and data are functions of the iteration, so it is the same pass. Forward,
the first one is that of the earliest layer, and in it that of the earliest step. Backward, the one that backward meets
first: in the latest layer, at the latest step. A run with memory="recompute" is repeated as it went, window by window
of time: the earliest window comes before the earliest layer, and backward the latest one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..layers.chain import named_layers
from ..recompute import KEEP
from ..stack import check_input, take
from ..tasks import Batch
from ..workspace import Workspace
from . import metrics


@dataclass(frozen=True)
class Place:
    """Where a number stood: in which array, layer, step t, sample, neuron; None where the array has no such axis."""

    array: str
    value: float
    layer: int | None = None
    t: int | None = None
    sample: int | None = None
    neuron: int | None = None

    def __str__(self) -> str:
        named = {"step t": self.t, "sample": self.sample, "neuron": self.neuron}
        parts = [f"{name} = {index}" for name, index in named.items() if index is not None]
        return f"the first {self.value} stands in {self.array}" + (" at " + ", ".join(parts) if parts else "")


class Diverged(ArithmeticError):
    """Training met a number that is not finite. iteration: updates done before; places: where it stood."""

    def __init__(self, message: str, iteration: int, places: list[Place]):
        super().__init__(message)
        self.iteration, self.places = iteration, places


def find(
    net: Any, batch: Batch | None, loss: str, buffers: Mapping[str, np.ndarray], memory: str = KEEP,
    work: Workspace | None = None, state: Any = None,
) -> list[Place]:  # fmt: skip
    """Return where numbers stopped being finite: a parameter if there is one, then the first place in the pass.

    `buffers` are the running statistics from before the pass; they are put back into the network. `memory` and `work`
    are those of the run, whose pass is over: so looking takes little memory beyond what the run had. `state` is what
    the pass began with.
    """
    host = net.ops.to_host
    places = [
        _parameter(name, host(array))
        for name, array in net.params.items()
        if not np.isfinite(host(array)).all()
    ][:1]
    if batch is None:
        return places
    try:
        place = _forward(net, batch, memory, work, state) or _backward(net, batch, loss, memory, work, state)
    finally:
        for name, array in buffers.items():
            net.ops.assign(net.buffers[name], array)
    return places + ([place] if place is not None else [])


def describe(net: Any, name: str) -> str:
    """Name a layer, as parameters' names begin: its number, or that of a container and its own, and what it is."""
    kinds = {place: type(layer).__name__ for place, layer in named_layers(net.layers)}
    place = name if name in kinds else name.split(".")[0]  # a half of a Bidirectional has no number
    return f"layer {place} ({kinds[place]})"


def _parameter(name: str, array: np.ndarray) -> Place:
    index = _first(array)
    return Place(
        f"parameter {name}{[int(k) for k in index]}", float(array[index]), layer=int(name.split(".")[0])
    )


def _first(array: np.ndarray) -> tuple[int, ...]:
    return tuple(int(k) for k in np.unravel_index(int(np.argmax(~np.isfinite(array))), array.shape))


def _place(array: str, values: np.ndarray, layer: int | None = None, t0: int = 0) -> Place:
    index = _first(values)
    t, (sample, neuron) = (t0 + index[0] if values.ndim == 3 else None), index[-2:]
    return Place(array, float(values[index]), layer, t, sample, neuron)


Piece = tuple[int, np.ndarray, Sequence[Any], Sequence[Any]]  # first step, input, states before it, contexts


def _pieces(net: Any, batch: Batch, memory: str, work: Workspace | None, state: Any) -> Iterator[Piece]:
    """The sequence as the run's pass takes it: whole, or in windows."""
    if memory == KEEP:
        lengths = check_input(net, batch.x, batch.lengths, True)
        contexts = [net.context(i, lengths=lengths, training=True) for i in range(len(net.layers))]
        yield 0, take(net.ops, batch.x, lengths), state or (None,) * len(contexts), contexts
        return
    _, _, tape = net.forward(batch.x, state, batch.lengths, work=work, memory=memory)
    for k, (t0, _) in enumerate(tape.windows):
        part, contexts = tape.window(k)
        yield t0, part, tape.edges[k], contexts


def _forward(net: Any, batch: Batch, memory: str, work: Workspace | None, state: Any) -> Place | None:
    x = net.ops.to_host(batch.x)
    if not np.isfinite(x).all():
        return _place("the input x", x)
    for t0, y, states, contexts in _pieces(net, batch, memory, work, state):
        for name, values in _outputs(net.layers, y, states, contexts):
            if not np.isfinite(values).all():
                return _place(f"the output of {describe(net, name)}", values, int(name.split(".")[0]), t0)
    return None


def _outputs(
    layers: Sequence[Any], y: Any, states: Sequence[Any], contexts: Sequence[Any]
) -> Iterator[tuple[str, np.ndarray]]:
    """The output of every layer by name, those inside a container before its own."""
    for layer, before, context in zip(layers, states, contexts, strict=True):
        context = dataclasses.replace(context, lazy=False)
        if layer.inner:
            yield from _outputs(layer.inner, y, layer.states(before), layer.contexts(context))
        y = layer.forward(y, before, context)[0]
        yield context.prefix.rstrip("."), context.ops.to_host(y)


def _backward(
    net: Any, batch: Batch, loss: str, memory: str, work: Workspace | None, state: Any
) -> Place | None:
    y, _, tape = net.forward(batch.x, state, batch.lengths, work=work, memory=memory)
    value, dy = metrics.loss_of(loss, y, batch, net.backend)
    dy_host = net.ops.to_host(dy)
    if not np.isfinite(dy_host).all():
        return _place("the gradient of the loss", dy_host)
    if not np.isfinite(value):
        return Place(f"the loss itself ({loss}), from finite outputs", value)
    found: list[Place] = []

    def probe(layer: str, t0: int, t1: int, dh: Any, da: Any) -> None:
        values = net.ops.to_host(da)
        bad = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
        if bad.any() and not found:
            last = len(bad) - 1 - int(np.argmax(bad[::-1]))  # backward walks from the last step to the first
            name = f"the gradient on the pre-activations of {describe(net, layer)}"
            found.append(_place(name, values[last : last + 1], int(layer.split(".")[0]), t0 + last))

    _, _, grads = net.backward(dy, tape, probe=probe)
    named = [(name, net.ops.to_host(array)) for name, array in reversed(list(grads.items()))]
    for name, array in named:
        if not found and not np.isfinite(array).all():
            index = _first(array)
            found.append(
                Place(
                    f"the gradient of {name}{[int(k) for k in index]}",
                    float(array[index]),
                    int(name.split(".")[0]),
                )
            )
    return found[0] if found else None
