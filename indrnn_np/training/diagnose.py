"""Where the first number that is not finite stood, when a run diverges.

The pass is repeated layer by layer, without a workspace: dropout and data are functions of the iteration, so it is
the same pass. Forward, the first one is that of the earliest layer, and in it that of the earliest step. Backward,
the one that backward meets first: in the latest layer, at the latest step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..tasks import Batch
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


def find(net: Any, batch: Batch | None, loss: str, buffers: Mapping[str, np.ndarray]) -> list[Place]:
    """Return where numbers stopped being finite: a parameter if there is one, then the first place in the pass.

    `buffers` are the running statistics from before the pass; they are put back into the network.
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
        place = _forward(net, batch) or _backward(net, batch, loss)
    finally:
        for name, array in buffers.items():
            net.buffers[name][...] = array
    return places + ([place] if place is not None else [])


def describe(net: Any, i: int) -> str:
    """Name a layer: its number and what it is."""
    return f"layer {i} ({type(net.layers[i]).__name__})"


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


def _forward(net: Any, batch: Batch) -> Place | None:
    if not np.isfinite(batch.x).all():
        return _place("the input x", batch.x)
    _, _, tape = net.forward(batch.x, lengths=batch.lengths)
    y = batch.x
    for i, (layer, context) in enumerate(zip(net.layers, tape.contexts, strict=True)):
        y = layer.forward(y, None, context)[0]
        values = net.ops.to_host(y)
        if not np.isfinite(values).all():
            return _place(f"the output of {describe(net, i)}", values, i)
    return None


def _backward(net: Any, batch: Batch, loss: str) -> Place | None:
    y, _, tape = net.forward(batch.x, lengths=batch.lengths)
    value, dy = metrics.loss_of(loss, y, batch, net.backend)
    if not np.isfinite(dy).all():
        return _place("the gradient of the loss", net.ops.to_host(dy))
    if not np.isfinite(value):
        return Place(f"the loss itself ({loss}), from finite outputs", value)
    found: list[Place] = []

    def probe(layer: Any, t0: int, t1: int, dh: Any, da: Any) -> None:
        values = net.ops.to_host(da)
        bad = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
        if bad.any() and not found:
            last = len(bad) - 1 - int(np.argmax(bad[::-1]))  # backward walks from the last step to the first
            i = int(str(layer).split(".")[0])
            name = f"the gradient on the pre-activations of {describe(net, i)}"
            found.append(_place(name, values[last : last + 1], i, t0 + last))

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
