"""Search for the first non-finite value of a run that diverges.

The search repeats the pass layer by layer. Dropout and data are functions of the iteration, so the
repeated pass has the same values. In the forward pass the first value is at the earliest time step
of the earliest layer. In the backward pass it is at the latest time step of the latest layer. A run
with memory="recompute" is repeated window by window, so windows take precedence over layers: the
earliest window in the forward pass, the latest window in the backward pass.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .. import _check
from .._types import AnyArray, Array, LossFunction, State
from ..layers.base import Layer
from ..layers.chain import named_layers, network_input
from ..layers.containers import Container
from ..layers.context import Context
from ..networks.checks import check_input
from ..networks.recompute import KEEP, WindowsTape
from ..networks.sequential import Sequential
from ..optim.class_options import NEITHER, ClassOptions
from ..tasks import Batch
from ..tasks.targets import loss_name
from ..workspace import Workspace
from . import metrics

if TYPE_CHECKING:
    from .gradient_pass import Part
    from .updates import Update


@dataclass(frozen=True)
class Place:
    """Position of a value: array, layer, time step t, sample, neuron; None where the array has no such axis."""

    array: str
    value: float
    layer: int | None = None
    t: int | None = None
    sample: int | None = None
    neuron: int | None = None

    def __str__(self) -> str:
        named = {"step t": self.t, "sample": self.sample, "neuron": self.neuron}
        parts = [f"{name} = {index}" for name, index in named.items() if index is not None]
        return f"the first {self.value} is in {self.array}" + (" at " + ", ".join(parts) if parts else "")


class Diverged(ArithmeticError):
    """Training reached a non-finite value at `places`, after `iteration` updates."""

    def __init__(self, message: str, iteration: int, places: list[Place]):
        super().__init__(message)
        self.iteration, self.places = iteration, places


def last_state(saved: Path | None, update: Update | None) -> str:
    """Return where the last finite state is: in the checkpoint `saved`, or in the network."""
    if saved is None:
        return f"the network has the state {'after' if update is None else 'before'} this update"
    return f"the last good state is in {saved}"


def diverged(iteration: int, reason: str, places: list[Place], last: str) -> Diverged:
    """Return the error of a run; `last` says where the last good state is."""
    where = "; ".join(str(place) for place in places) or "a repeated pass is finite"
    message = f"train: {reason} in iteration {iteration}, expected a finite number; {where}; {last}"
    return Diverged(message, iteration, places)


def find(
    net: Sequential, update: Update | None, loss: str | LossFunction, memory: str = KEEP,
    work: Workspace | None = None, parts: Callable[[Batch, State], Iterable[Part]] | None = None,
    classes: ClassOptions = NEITHER,
) -> list[Place]:  # fmt: skip
    """Return the first non-finite parameter, if any, and the first non-finite value of the pass.

    Parameters
    ----------
    net : Sequential
        Network of the run.
    update : Update or None
        Update of the run, whose running statistics are restored. None searches only the parameters.
    loss : str or callable
        Loss of the run.
    memory : str
        "keep" or "recompute", as in the run.
    work : Workspace, optional
        Workspace of the run. The search reuses its memory.
    parts : callable, optional
        Cuts a batch as the run does (`GradientPass.parts`). None: the batch is one part.
    classes : ClassOptions
        Class weights and label smoothing of the run.
    """
    host = net.device.to_host
    places = _named("parameter", ((name, host(array)) for name, array in net.params.items()))
    if update is None:
        return places
    whole: list[Part] = [(update.batch, update.state, None)]
    try:
        for part in whole if parts is None else parts(update.batch, update.state):
            empty = part[0].x.shape[1] == 0  # a shard of a small last batch
            place = (
                None
                if empty
                else _forward(net, part, memory, work) or _backward(net, part, loss, memory, work, classes)
            )
            if place is not None:
                return [*places, _in_batch(place, part)]
    finally:
        for name, array in update.buffers.items():
            net.device.assign(net.buffers[name], array)
    return places


def _in_batch(place: Place, part: Part) -> Place:
    """Return a place in a part of a batch with the number of the sample in the whole batch."""
    shard = part[2]
    if shard is None or place.sample is None:
        return place
    return dataclasses.replace(place, sample=place.sample + shard.first)


def describe(net: Sequential, name: str) -> str:
    """Return a description of a layer by the prefix of its parameters, such as "layer 0 (IndRNN)"."""
    kinds = {place: type(layer).__name__ for place, layer in named_layers(net.layers)}
    place = name if name in kinds else name.split(".")[0]  # the directions of a Bidirectional have no number
    return f"layer {place} ({kinds[place]})"


def _named(kind: str, arrays: Iterable[tuple[str, Array]]) -> list[Place]:
    """Return the first non-finite value in named arrays, in a list that is empty without one."""
    for name, array in arrays:
        if not np.isfinite(array).all():
            index = _check.first_index(~np.isfinite(array))
            return [Place(f"{kind} {name}{list(index)}", float(array[index]), int(name.split(".")[0]))]
    return []


def _place(array: str, values: Array, layer: int | None = None, t0: int = 0) -> Place:
    index = _check.first_index(~np.isfinite(values))
    t, (sample, neuron) = (t0 + index[0] if values.ndim == 3 else None), index[-2:]
    return Place(array, float(values[index]), layer, t, sample, neuron)


# First time step, input, initial states, contexts.
Piece = tuple[int, AnyArray, Sequence[State], Sequence[Context]]


def _pieces(net: Sequential, part: Part, memory: str, work: Workspace | None) -> Iterator[Piece]:
    """Yield the sequence as the pass of the run processes it: whole, or in windows."""
    batch, state, shard = part
    if memory == KEEP:
        lengths = check_input(net, batch.x, batch.lengths, True)
        contexts = net.contexts(lengths=lengths, training=True, shard=shard)
        yield 0, network_input(batch.x, contexts[0]), state or (None,) * len(contexts), contexts
        return
    _, _, tape = net.forward(batch.x, state, batch.lengths, work=work, memory=memory, shard=shard)
    assert isinstance(tape, WindowsTape)
    for k, (t0, _) in enumerate(tape.windows):
        x, of_window = tape.window(k)
        yield t0, x, tape.edges[k], of_window


def _forward(net: Sequential, part: Part, memory: str, work: Workspace | None) -> Place | None:
    batch = part[0]
    x = net.device.to_host(network_input(batch.x, net.contexts(lengths=batch.lengths)[0]))
    if not np.isfinite(x).all():
        return _place("the input x", x)
    for t0, y, states, contexts in _pieces(net, part, memory, work):
        for name, values in _outputs(net.layers, y, states, contexts):
            if not np.isfinite(values).all():
                return _place(f"the output of {describe(net, name)}", values, int(name.split(".")[0]), t0)
    return None


def _outputs(
    layers: Sequence[Layer], y: AnyArray, states: Sequence[State], contexts: Sequence[Context]
) -> Iterator[tuple[str, Array]]:
    """Yield the output of each layer by name; layers inside a container precede the container."""
    for layer, before, context in zip(layers, states, contexts, strict=True):
        context = dataclasses.replace(context, fused=False)
        if isinstance(layer, Container):
            yield from _outputs(layer.inner, y, layer.states(before), layer.contexts(context))
        y = layer.forward(y, before, context)[0]
        yield context.prefix.rstrip("."), context.ops.device.to_host(y)


def _backward(
    net: Sequential, part: Part, loss: str | LossFunction, memory: str, work: Workspace | None,
    classes: ClassOptions,
) -> Place | None:  # fmt: skip
    batch, state, shard = part
    y, _, tape = net.forward(batch.x, state, batch.lengths, work=work, memory=memory, shard=shard)
    value, dy = metrics.loss_of(loss, y, batch, net.ops, classes)
    dy_host = net.device.to_host(dy)
    if not np.isfinite(dy_host).all():
        return _place("the gradient of the loss", dy_host)
    if not np.isfinite(value):
        return Place(f"the loss itself ({loss_name(loss)}), from finite outputs", value)
    places: list[Place] = []

    def probe(layer: str, t0: int, t1: int, dh: AnyArray, da: AnyArray) -> None:
        values = net.device.to_host(da)
        bad = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
        if bad.any() and not places:
            last = int(np.flatnonzero(bad)[-1])  # the backward pass runs from the last step to the first
            name = f"the gradient on the pre-activations of {describe(net, layer)}"
            places.append(_place(name, values[last : last + 1], int(layer.split(".")[0]), t0 + last))

    _, _, grads = net.backward(dy, tape, probe=probe)
    named = ((name, net.device.to_host(array)) for name, array in reversed(list(grads.items())))
    places = places or _named("the gradient of", named)
    return places[0] if places else None
