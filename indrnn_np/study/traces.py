"""Traces: the states h_t of each neuron over one sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .. import _check
from .._check import convert
from .._types import Array, Slice
from ..networks.sequential import Sequential
from .finding import Finding, Table
from .states import neuron_indices, parts, record_states


@dataclass(frozen=True, repr=False, eq=False)
class Traces(Finding):
    """Result of `traces` for N neurons of L recurrent layers, from input to output.

    Attributes
    ----------
    layers, sizes : tuple (L,)
        Names of the layers, and their numbers of neurons.
    neurons : array (N,)
        Indices of the neurons in their layer.
    h : array (T, N)
        States.
    x : array (T, D) or (T,)
        Input sequence, or symbols.
    marks : array of int
        Steps, from 1, that the figure marks.
    """

    kind: ClassVar[str] = "traces"

    layers: tuple[str, ...]
    sizes: tuple[int, ...]
    neurons: Array
    h: Array
    x: Array
    marks: Array
    title: str = ""

    def of_layers(self) -> list[tuple[str, Slice]]:
        """Return the name of each layer and the slice of its columns among the N."""
        return parts(self.layers, self.sizes)

    def words(self) -> str:
        """Return how many neurons are active in the first and last layer, and the largest |h_T|."""
        of_layers, T, active = self.of_layers(), len(self.h), self._active()
        sentences = []
        for name, part in of_layers[:1] + of_layers[1:][-1:]:
            busy = active[part][active[part] > 0]
            steps = f", for {np.median(busy):.0f} of {T} steps in the median" if len(busy) else ""
            count = f"{len(busy)} of {part.stop - part.start} neurons"
            sentences.append(f"in layer {name} {count} leave zero{steps}")
        name, part = of_layers[-1]
        top = part.start + int(np.argmax(np.abs(self.h[-1, part])))
        end = f"neuron {self.neurons[top]} of layer {name} has the largest last state, {self.h[-1, top]:.3g}"
        return "; ".join([*sentences, end])

    def table(self) -> Table:
        """Return one row per neuron: nonzero steps, largest state and its step, last state."""
        at = np.argmax(np.abs(self.h), axis=0)
        return {
            "layer": np.repeat(self.layers, self.sizes),
            "neuron": self.neurons,
            "steps not zero": self._active(),
            "largest h": self.h[at, np.arange(len(at))],
            "at step t": at + 1,
            "last h": self.h[-1],
        }

    def _active(self) -> Array:
        return (self.h != 0).sum(axis=0)


def traces(
    net: Sequential, x: Array, layer: str | None = None, neurons: Sequence[int] | None = None, sample: int = 0,
    lengths: Array | None = None, marks: Sequence[int] | Array = (), title: str = "",
) -> Traces:  # fmt: skip
    """Run a sequence through the network as in inference and return the states h_t of its neurons.

    The network is not changed. Li et al. 2018, arXiv:1803.04831, figure 3, shows these traces for
    the adding problem.

    Parameters
    ----------
    net : Sequential
        Network with any recurrent layers.
    x : array (T, B, D) or (T, B)
        Input, or symbols.
    layer : str, optional
        Name of one recurrent layer, such as "0" or "3.2". By default all layers.
    neurons : sequence of int, optional
        Indices of neurons in that layer. By default all neurons.
    sample : int
        Index of the sequence, below B.
    lengths : array (B,), optional
        Valid steps of each sequence; the states end with the sequence.
    marks : sequence of int
        Steps, from 1, that the figure marks.
    title : str
        Title of the figures.
    """
    where = "study.traces"
    if neurons is not None and layer is None:
        because = "because indices refer to one layer"
        _check.fail(where, "neurons is given with layer=None", "layer='0'", because)
    x = convert.array(where, "x", x, None if net.symbols is not None else net.dtype)
    if x.ndim < 2:
        _check.fail(where, f"x has shape {x.shape}", "(T, B, D), or (T, B) symbols")
    B = x.shape[1]
    _check.between(where, "sample", sample, 0, B)
    _check.lengths(where, lengths, len(x), B)
    T = len(x) if lengths is None else int(lengths[sample])
    _check.at_least(where, f"the number of steps of sample {sample}", T, 1)
    sequence = np.ascontiguousarray(net.device.to_host(x)[:T, sample : sample + 1])
    states = {name: s.h[:, 0] for name, s in record_states(net, sequence).states.items()}
    if not states:
        _check.fail(where, "the network has no recurrent layer", "at least one")
    if layer is not None:
        _check.choice(where, "layer", layer, states)
        states = {layer: states[layer]}
    chosen = {
        name: np.arange(h.shape[1]) if neurons is None else neuron_indices(where, neurons, h.shape[1])
        for name, h in states.items()
    }
    return Traces(
        tuple(states), tuple(map(len, chosen.values())), np.concatenate(list(chosen.values())),
        np.concatenate([h[:, chosen[name]] for name, h in states.items()], axis=1), sequence[:, 0],
        np.array([mark for mark in marks if mark <= T], np.int64), title,
    )  # fmt: skip
