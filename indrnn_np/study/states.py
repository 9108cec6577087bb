"""Record the states of every recurrent layer, and the input of the read-out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from .. import _check
from .._types import AnyArray, Array, Record, Slice, State, StateForm
from ..device import Device
from ..layers import BatchNorm, Bidirectional, Dropout, LastStep, Layer, Linear, Tied
from ..layers.chain import forward_layers, network_input
from ..layers.context import Context
from ..layers.recurrent import Independent, Recurrent
from ..networks.checks import check_input
from ..networks.sequential import Sequential
from ..tasks import Batch
from ..training import metrics


class LayerStates(NamedTuple):
    """Recurrent layer, its states h (T, B, H), a NumPy array, and its input; row t is the output of step t."""

    layer: Recurrent
    h: Array
    x: AnyArray


class Pass(NamedTuple):
    """Values of a forward pass.

    Attributes
    ----------
    states : dict of str to LayerStates
        States by layer name, from input to output.
    read : array
        Input of the last layer.
    y : array
        Output.
    after : tuple
        State after the last step.
    """

    states: dict[str, LayerStates]
    read: AnyArray
    y: AnyArray
    after: tuple[State, ...]


class Outputs(NamedTuple):
    """S outputs of a network.

    Attributes
    ----------
    z : array (S, N) of float64
        Input of the read-out.
    y : array (S, K) of float64
        Output of the read-out.
    target : array (S, K) or (S,)
        Targets or labels.
    """

    z: Array
    y: Array
    target: Array


class Recorder(Layer):
    """Wrapper that records the output of a recurrent layer under its name."""

    def __init__(
        self, layer: Recurrent | Bidirectional, states: dict[str, LayerStates], device: Device
    ) -> None:
        self.layer, self.states, self.device = layer, states, device
        self.fusion_role, self.causal = layer.fusion_role, layer.causal  # type: ignore[misc]

    @property
    def inputs(self) -> int | None:
        return self.layer.inputs

    @property
    def outputs(self) -> int | None:
        return self.layer.outputs

    @property
    def state_form(self) -> StateForm:
        return self.layer.state_form

    def forward(self, x: AnyArray, state: State, ctx: Context) -> tuple[AnyArray, State, Record]:
        y, after, tape = self.layer.forward(x, state, ctx)
        name, h = ctx.prefix.rstrip("."), self.device.to_host(y)
        if isinstance(self.layer, Bidirectional):
            forward, H = self.layer.layer, h.shape[2] // 2
            reverse = dataclasses.replace(forward, reverse=True)  # type: ignore[type-var]
            self.states[f"{name}.forward"] = LayerStates(forward, h[..., :H], x)
            self.states[f"{name}.reverse"] = LayerStates(reverse, h[..., H:], x)
        else:
            self.states[name] = LayerStates(self.layer, h, x)
        return y, after, tape


def record_states(
    net: Sequential, x: Array, lengths: Array | None = None, state: Sequence[State] | None = None,
    training: bool = False, fuse: bool = True,
) -> Pass:  # fmt: skip
    """Run x (T, B, D), or (T, B) symbols, and record the states of all recurrent layers.

    Batch norm uses the running statistics, or those of this batch with `training`. Dropout is off,
    and the network is not changed. States beyond a sample's length are zero. Without `fuse` the inputs
    of the layers are arrays.
    """
    lengths = check_input(net, x, lengths, training)
    states: dict[str, LayerStates] = {}
    layers = [_with_recorders(layer, states, net.device) for layer in net.layers]
    initial = (None,) * len(layers) if state is None else state
    contexts = net.contexts(lengths=lengths, training=training, dropout=False, fuse=fuse)
    with metrics.restored_statistics(net):
        x = network_input(x, contexts[0])
        read, after, _ = forward_layers(layers[:-1], x, initial[:-1], contexts[:-1])
        y, last, _ = layers[-1].forward(read, initial[-1], contexts[-1])
    return Pass(states, read, y, (*after, last))


def _with_recorders(layer: Layer, states: dict[str, LayerStates], device: Device) -> Layer:
    """Return the layer with a recorder around each recurrent layer."""
    if isinstance(layer, Recurrent | Bidirectional):
        return Recorder(layer, states, device)
    if not layer.inner:
        return layer
    inner = tuple(_with_recorders(part, states, device) for part in layer.inner)
    return dataclasses.replace(layer, layers=inner)  # type: ignore[type-var]


def with_weight(where: str, states: dict[str, LayerStates]) -> dict[str, tuple[Independent, Array]]:
    """Return the layers with a recurrent weight u and their states, and check that there is one."""
    chosen = {name: (s.layer, s.h) for name, s in states.items() if isinstance(s.layer, Independent)}
    if not chosen:
        _check.fail(where, "no layer has a recurrent weight u", "an IndRNN or a Recurrence")
    return chosen


def ends_of(lengths: Array | None, T: int, B: int) -> Array:
    """Return the number of steps of each sample (B,), T without lengths."""
    return np.full(B, T) if lengths is None else np.asarray(lengths, np.int64)


def neuron_indices(where: str, neurons: Sequence[int], size: int) -> Array:
    """Check indices of neurons in a layer of `size` neurons, and return them as an array."""
    indices = np.asarray(neurons)
    if indices.ndim != 1 or not indices.size or indices.dtype.kind not in "iu":
        _check.fail(where, f"neurons is {neurons!r}", "a list of indices of neurons, at least one")
    _check.symbols(where, "neurons", indices, size)
    return indices


def parts(layers: Sequence[str], sizes: Sequence[int]) -> list[tuple[str, Slice]]:
    """Return the name of each layer and the slice of its neurons among those of all layers."""
    starts = np.cumsum([0, *sizes]).tolist()
    return [(name, slice(*ends)) for name, *ends in zip(layers, starts, starts[1:], strict=False)]


def read_out(where: str, net: Sequential) -> tuple[str, Array]:
    """Return the name of the last recurrent layer and the weights (K, N) of its read-out.

    Only batch norm, dropout and LastStep may stand between both. Another layer raises ValueError,
    because a weight of the read-out would belong to several neurons.
    """
    last = net.layers[-1]
    if not isinstance(last, Linear | Tied):
        _check.fail(where, f"the last layer is {last!r}", "a Linear or a Tied", "as the read-out")
    W = net.params[f"{last.to}.E" if isinstance(last, Tied) else f"{len(net.layers) - 1}.W"]
    for i in reversed(range(len(net.layers) - 1)):
        layer = net.layers[i]
        if isinstance(layer, Recurrent | Bidirectional):
            return str(i), net.device.to_host(W)
        if not isinstance(layer, BatchNorm | Dropout | LastStep):
            because = "because each weight of the read-out must belong to one neuron"
            _check.fail(where, f"the read-out reads layer {i}, {layer!r}", "a recurrent layer", because)
    return _check.fail(where, "the network has no recurrent layer", "one below the read-out")


def outputs(net: Sequential, batches: Iterable[Batch], most: int | None = None) -> Outputs:
    """Run batches as in an evaluation and return the first `most` outputs."""
    groups: list[Outputs] = []
    state, count, host = None, 0, net.device.to_host
    for batch in batches:
        result = record_states(net, batch.x, batch.lengths, state if batch.carry else None)
        state = result.after
        groups.append(unmasked(host(result.read), host(result.y), batch, net.device))
        count += len(groups[-1].z)
        if most is not None and count >= most:
            break
    return Outputs(*(np.concatenate(column)[:most] for column in zip(*groups, strict=True)))


def unmasked(read: Array, y: Array, batch: Batch, device: Device) -> Outputs:
    """Return the outputs of one batch that its mask selects."""
    target = np.repeat(device.to_host(batch.target), batch.repeats, axis=y.ndim - 2)
    mask = metrics.mask_of(batch, y)
    keep = np.ones(y.shape[:-1], bool) if mask is None else np.repeat(mask, batch.repeats, axis=y.ndim - 2)
    return Outputs(read[keep].astype(np.float64), y[keep].astype(np.float64), target[keep])
