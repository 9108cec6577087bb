"""What each neuron does over one sequence: its states h_t."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .. import _check
from ..sequential import Sequential
from .finding import Finding, Table
from .states import listen, parts


@dataclass(frozen=True, repr=False, eq=False)
class Traces(Finding):
    """What `traces` recorded. N neurons of L recurrent layers, from input to output.

    layers, sizes (L,): names, and how many of the N neurons, in a row, belong to each. neurons (N,): their numbers in
    their layer. h (T, N): states. x (T, D), or (T,) symbols: the sequence. marks: steps, from 1, that a picture points
    out.
    """

    kind: ClassVar[str] = "traces"

    layers: tuple[str, ...]
    sizes: tuple[int, ...]
    neurons: np.ndarray
    h: np.ndarray
    x: np.ndarray
    marks: np.ndarray
    title: str = ""

    def of_layers(self) -> list[tuple[str, slice]]:
        """Each layer's name, and which of the N columns are its own."""
        return parts(self.layers, self.sizes)

    def words(self) -> str:
        """How many neurons of the first and the last layer are at work and how long, and which one ends highest."""
        of_layers, T, active = self.of_layers(), len(self.h), self._active()
        said = []
        for name, own in of_layers[:1] + of_layers[1:][-1:]:
            busy = active[own][active[own] > 0]
            steps = f", for {np.median(busy):.0f} of {T} steps in the median" if len(busy) else ""
            said.append(f"in layer {name} {len(busy)} of {own.stop - own.start} neurons leave zero{steps}")
        name, own = of_layers[-1]
        top = own.start + int(np.argmax(np.abs(self.h[-1, own])))
        end = f"neuron {self.neurons[top]} of layer {name} ends highest, at {self.h[-1, top]:.3g}"
        return "; ".join([*said, end])

    def table(self) -> Table:
        """A line for each neuron: steps that are not zero, the largest state and its step t from 1, the last state."""
        at = np.argmax(np.abs(self.h), axis=0)
        return {
            "layer": np.repeat(self.layers, self.sizes),
            "neuron": self.neurons,
            "steps not zero": self._active(),
            "largest h": self.h[at, np.arange(len(at))],
            "at step t": at + 1,
            "last h": self.h[-1],
        }

    def _active(self) -> np.ndarray:
        return (self.h != 0).sum(axis=0)


def traces(
    net: Sequential, x: np.ndarray, layer: str | None = None, neurons: Sequence[int] | None = None, sample: int = 0,
    lengths: np.ndarray | None = None, marks: Sequence[int] | np.ndarray = (), title: str = "",
) -> Traces:  # fmt: skip
    """Run a sequence through the network, as in inference, and return the states h_t of its neurons.

    Figure 3 of Li et al. 2018, arXiv:1803.04831, shows them for the adding problem. The network stays as it is.

    Parameters
    ----------
    net
        The network, with any recurrent layers.
    x
        (T, B, D), or (T, B) symbols.
    layer
        The name of one recurrent layer, such as "0" or "3.2"; None: all of them.
    neurons
        Their numbers in that layer; None: all of them.
    sample
        Which of the B sequences.
    lengths
        (B,) valid steps of each sequence; the states are those of the sequence's own steps.
    marks
        Steps, from 1, that a picture points out.
    title
        Whose neurons they are, for pictures.
    """
    where = "study.traces"
    if neurons is not None and layer is None:
        _check.fail(
            where, "neurons is given with layer=None", "layer='0'", "because numbers count in one layer"
        )
    B = x.shape[1]
    _check.between(where, "sample", sample, 0, B)
    _check.lengths(where, lengths, len(x), B)
    T = len(x) if lengths is None else int(lengths[sample])
    _check.at_least(where, f"the number of steps of sample {sample}", T, 1)
    one = np.ascontiguousarray(net.ops.to_host(x)[:T, sample : sample + 1])
    states = {name: heard.h[:, 0] for name, heard in listen(net, one).states.items()}
    if not states:
        _check.fail(where, "the network has no recurrent layer", "at least one")
    if layer is not None:
        _check.choice(where, "layer", layer, states)
        states = {layer: states[layer]}
    chosen = {name: _numbers(where, neurons, h.shape[1]) for name, h in states.items()}
    return Traces(
        tuple(states), tuple(map(len, chosen.values())), np.concatenate(list(chosen.values())),
        np.concatenate([h[:, chosen[name]] for name, h in states.items()], axis=1), one[:, 0],
        np.array([mark for mark in marks if mark <= T], np.int64), title,
    )  # fmt: skip


def _numbers(where: str, neurons: Sequence[int] | None, size: int) -> np.ndarray:
    """The chosen neurons of a layer of that many."""
    if neurons is None:
        return np.arange(size)
    chosen = np.asarray(neurons)
    if chosen.ndim != 1 or not chosen.size or chosen.dtype.kind not in "iu":
        _check.fail(where, f"neurons is {neurons!r}", "a list of numbers of neurons, at least one")
    _check.symbols(where, "neurons", chosen, size)
    return chosen
