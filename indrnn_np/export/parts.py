"""Describe a network in inference as a chain of parts with float32 arrays, for ONNX and C.

    Dropout                                 removed
    BatchNorm beside W, before or after     folded into W and b
    Linear, Recurrence                      one IndRNN
    Tied                                    a Linear with W = E

All other layers stay as they are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .. import _check
from .._types import Array, Json
from ..layers import (
    GRU,
    LSTM,
    RNN,
    TYPES,
    BatchNorm,
    Bidirectional,
    Dropout,
    IndRNN,
    LastStep,
    Layer,
    LayerNorm,
    Linear,
    Recurrence,
    RotatingIndRNN,
    Tied,
)
from ..layers.containers import Container
from ..networks.network import independent_layers
from ..networks.sequential import Sequential

EXPORTED = {name: kind for name, kind in TYPES.items() if kind is not RotatingIndRNN}
AFTER_LAST = (Linear, Tied, LayerNorm, Dropout)  # layers that read (B, H), the output of a LastStep


@dataclass(frozen=True)
class Part:
    """A layer in inference.

    Parameters
    ----------
    name : str
        Path of the layer in the network, such as "2" or "3.0".
    layer : Layer
        Sizes and options.
    arrays : mapping of str to array
        Arrays by letter. A BatchNorm has `factor` and `shift`: y = factor ⊙ x + shift.
    chains : tuple
        Inner parts: the chain F of a container, or both directions of a Bidirectional.
    """

    name: str
    layer: Layer
    arrays: Mapping[str, Array] = dataclasses.field(default_factory=dict)
    chains: tuple[tuple[Part, ...], ...] = ()

    @property
    def kind(self) -> str:
        """Name of the layer's type."""
        return type(self.layer).__name__

    @property
    def options(self) -> Json:
        """Options of the layer by name."""
        return self.layer.spec()

    @property
    def units(self) -> int:
        """Number of outputs of a recurrent or affine layer."""
        return self.layer.outputs or 0

    @property
    def states(self) -> str:
        """Letters of the states of a recurrent layer: "h", or "hc" for an LSTM."""
        return "hc" if isinstance(self.layer, LSTM) else "h"


def describe(where: str, net: Sequential) -> tuple[Part, ...]:
    """Return the parts of a network.

    Raises
    ------
    ValueError
        If a layer cannot be exported, or a number is not finite in float32.
    """
    _check_after_last(where, net.layers)
    arrays = {name: array.astype(np.float64) for name, array in _named_arrays(net).items()}
    return _rounded(where, _chain(where, net.layers, "", arrays))


def _named_arrays(net: Sequential) -> dict[str, Array]:
    """Return the parameters and buffers by name, with u in place of the parameter ν of an IndRNN."""
    arrays = net.state_dict()
    for name, layer in independent_layers(net.layers):
        del arrays[f"{name}.{layer.weight_name}"]
    return arrays | {f"{name}.u": u for name, u in net.recurrent_weights().items()}


def input_size(net: Sequential) -> int | None:
    """Return the number of inputs D; None for a network of symbols."""
    if net.symbols is not None:
        return None
    return next((layer.inputs for layer in net.layers if layer.inputs is not None), None)


def walk(parts: Sequence[Part]) -> Iterator[Part]:
    """Yield all parts; inner parts come before their container."""
    for part in parts:
        for chain in part.chains:
            yield from walk(chain)
        yield part


def _check_after_last(where: str, layers: Sequence[Layer]) -> None:
    last = next((i for i, layer in enumerate(layers) if isinstance(layer, LastStep)), len(layers))
    for i, layer in enumerate(layers[last + 1 :], last + 1):
        if not isinstance(layer, AFTER_LAST):
            problem = f"layer {i} is {article(layer)} after a LastStep"
            expected = "one of " + ", ".join(kind.__name__ for kind in AFTER_LAST)
            _check.fail(where, problem, expected, "because a LastStep gives a single step")


def article(layer: Layer) -> str:
    """Return the name of a layer's type after "a" or "an"."""
    name = type(layer).__name__
    return f"an {name}" if name[0] in "AEIOU" or name in ("RNN", "LSTM") else f"a {name}"


def _chain(where: str, layers: Sequence[Layer], prefix: str, arrays: Mapping[str, Array]) -> tuple[Part, ...]:
    """Return the parts of a chain of layers whose paths begin with `prefix`, after folding."""
    parts: list[Part] = []
    for i, layer in enumerate(layers):
        if isinstance(layer, Dropout):
            continue
        parts.append(_part(where, layer, f"{prefix}{i}", arrays))
        while len(parts) > 1 and (folded := _fold(*parts[-2:])):
            parts[-2:] = folded
    return tuple(parts)


def _part(where: str, layer: Layer, name: str, arrays: Mapping[str, Array]) -> Part:
    if EXPORTED.get(type(layer).__name__) is not type(layer):
        turns = isinstance(layer, RotatingIndRNN)
        because = (
            f"because {'ONNX has no operator for pairs of neurons' if turns else 'its equations are known'}"
        )
        _check.fail(where, f"layer {name} is {article(layer)}", "one of " + ", ".join(EXPORTED), because)
    own = {n.removeprefix(f"{name}."): array for n, array in arrays.items() if n.startswith(f"{name}.")}
    if isinstance(layer, Container):
        return Part(name, layer, chains=(_chain(where, layer.layers, f"{name}.", arrays),))
    if isinstance(layer, Bidirectional):
        halves = [_part(where, half, f"{name}.{n}", arrays) for n, half in layer.halves().items()]
        return Part(name, layer, chains=tuple((half,) for half in halves))
    if isinstance(layer, Tied):
        linear = Linear(layer.input_size, layer.output_size)
        return Part(name, linear, {"W": arrays[f"{layer.to}.E"], "b": own["b"]})
    if isinstance(layer, BatchNorm):
        return Part(name, layer, _affine(where, name, layer, own))
    return Part(name, layer, own)


def _affine(where: str, name: str, layer: BatchNorm, own: Mapping[str, Array]) -> dict[str, Array]:
    """Return the factor and the shift of a batch norm in inference."""
    if layer.per_step:
        problem = f"layer {name} is a BatchNorm with per_step=True"
        because = "because the exported network does not count time steps"
        _check.fail(where, problem, "one statistic for all steps", because)
    factor = own["scale"] / np.sqrt(own["var"][0] + layer.eps)
    return {"factor": factor, "shift": own["shift"] - factor * own["mean"][0]}


def _fold(a: Part, b: Part) -> list[Part]:
    """Return the parts that replace two neighbours, or an empty list if both stay."""
    first, second = a.arrays, b.arrays
    if isinstance(a.layer, BatchNorm) and isinstance(b.layer, LastStep):
        return [b, a]  # so that it reaches the read-out
    if isinstance(a.layer, Linear) and isinstance(b.layer, BatchNorm):
        W, bias = second["factor"][:, None] * first["W"], second["factor"] * first["b"] + second["shift"]
        return [dataclasses.replace(a, arrays={"W": W, "b": bias})]
    if isinstance(a.layer, BatchNorm) and isinstance(b.layer, Linear | IndRNN | RNN | LSTM | GRU):
        W, bias = second["W"] * first["factor"], second["b"] + second["W"] @ first["shift"]
        return [dataclasses.replace(b, arrays={**second, "W": W, "b": bias})]
    if isinstance(a.layer, Linear) and isinstance(b.layer, Recurrence):
        sizes = a.layer.input_size, a.layer.output_size
        cell = IndRNN(*sizes, b.layer.activation, reverse=b.layer.reverse)
        return [Part(b.name, cell, {**first, **second})]
    return []


def _rounded(where: str, parts: Sequence[Part]) -> tuple[Part, ...]:
    """Return the parts with their arrays in float32."""
    rounded = []
    for part in parts:
        chains = tuple(_rounded(where, chain) for chain in part.chains)
        with np.errstate(over="ignore"):  # an overflow is reported by the check
            arrays = {n: np.ascontiguousarray(array, np.float32) for n, array in part.arrays.items()}
        for name, array in arrays.items():
            _check.finite(where, f"{part.name}.{name}", array, kind="finite numbers in float32")
        rounded.append(dataclasses.replace(part, arrays=arrays, chains=chains))
    return tuple(rounded)
