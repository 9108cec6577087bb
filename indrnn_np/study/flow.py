"""How much gradient arrives at every layer and step: the norm of ∂L/∂h_t."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .. import _check
from ..layers.chain import named_layers
from ..sequential import Sequential
from . import row_norms
from .finding import Finding, Table
from .objective import Loss, loss_and_gradient


@dataclass(frozen=True, repr=False, eq=False)
class Flow(Finding):
    """What `gradient_flow` measured.

    layers: names of the recurrent layers, from input to output, such as "0" or "3.2". norms (L, T), float64: the norm
    over samples and units of the whole gradient ∂L/∂h_t, what arrives from above and from later steps together.
    """

    kind: ClassVar[str] = "flow"

    layers: tuple[str, ...]
    norms: np.ndarray
    title: str = ""

    def totals(self) -> np.ndarray:
        """The norm over all steps too, (L,)."""
        return np.sqrt(np.square(self.norms).sum(axis=1))

    def words(self) -> str:
        """How much of the gradient at the last step of the last layer is left at the first step of the first."""
        L, T = self.norms.shape
        size = f"({L} layer{'s' if L > 1 else ''}, {T} steps)"
        reached = np.flatnonzero(self.norms[-1])  # with lengths perhaps not the last step
        if not reached.size:
            return f"no gradient reaches layer {self.layers[-1]} {size}"
        end = reached[-1]
        first, last = float(self.norms[0, 0]), float(self.norms[-1, end])
        where = "the last step" if end == T - 1 else f"step {end + 1}, the last that any reaches,"
        return (
            f"‖∂L/∂h‖ at the first step of layer {self.layers[0]} is {first:.3g}, {first / last:.3g} times that at "
            f"{where} of layer {self.layers[-1]} {size}"
        )

    def table(self) -> Table:
        """A line for each layer and step, t from 1."""
        L, T = self.norms.shape
        return {
            "layer": np.repeat(self.layers, T),
            "step t": np.tile(np.arange(1, T + 1), L),
            "norm of dL/dh_t": self.norms.ravel(),
        }


def gradient_flow(
    net: Sequential, x: np.ndarray, target: Any = None, loss: Loss = None, lengths: np.ndarray | None = None,
    mask: Any = None, title: str = "",
) -> Flow:  # fmt: skip
    """Run x (T, B, D) forward and back and return the norms of ∂L/∂h_t; neither parameters nor
    running statistics are changed.

    For an IndRNN ∂L/∂h_t = dh_t + u ⊙ da_{t+1}, with dh_t from above and da_{t+1} = φ'_{t+1} ⊙ ∂L/∂h_{t+1} (Li et al.
    2018, arXiv:1803.04831, eq. 4); cells with a recurrent matrix hand their whole gradient to the probe (ops/rnn).

    Parameters
    ----------
    net
        The network; it runs as in training.
    x
        (T, B, D), or (T, B) symbols.
    target, loss, mask
        Whose gradient: objective.loss_and_gradient says what is taken by default.
    lengths
        (B,) valid steps of each sample; what comes after them counts as zero.
    title
        Whose flow it is, for pictures.
    """
    kept = net.ops.copy(net.buffers.flat)
    meter = Meter(net, len(x), lengths)
    try:
        y, _, tape = net.forward(x, lengths=lengths)
        dy = loss_and_gradient("study.gradient_flow", net, y, target, loss, lengths, mask)[1]
        net.backward(dy, tape, probe=meter)
    finally:
        net.ops.assign(net.buffers.flat, kept)
    if not meter.squares:
        _check.fail("study.gradient_flow", "the network has no recurrent layer", "at least one")
    names = tuple(reversed(meter.squares))  # backward comes from above
    return Flow(names, np.sqrt(np.stack([meter.squares[name] for name in names])), title)


class Meter:
    """The probe: adds up squares; for layers with a weight u it adds what later steps give to what comes from above."""

    any_thread: ClassVar[bool] = True  # it calls nothing that waits for the pool

    def __init__(self, net: Sequential, steps: int, lengths: np.ndarray | None = None) -> None:
        self.net, self.steps, self.lengths = net, steps, lengths
        self.kinds = dict(named_layers(net.layers))
        self.squares: dict[str, np.ndarray] = {}
        self._edge: dict[str, np.ndarray] = {}  # da of the step that backward came to last

    def __call__(self, layer: str, t0: int, t1: int, dh: Any, da: Any) -> None:
        host = self.net.ops.to_host
        if f"{layer}.u" in self.net.params:
            rows = self._of_independent(layer, t0, None if dh is None else host(dh), host(da))
        else:
            rows = row_norms.squares(host(dh))
        self.squares.setdefault(layer, np.zeros(self.steps))[t0:t1] = rows

    def _of_independent(self, layer: str, t0: int, dh: np.ndarray | None, da: np.ndarray) -> np.ndarray:
        reverse = layer.endswith(".reverse") or getattr(self.kinds.get(layer), "reverse", False)
        edge = self._edge.get(layer)
        if edge is None:  # the walk begins: no step comes after it
            edge = self._edge[layer] = np.zeros_like(da[0])
        u = self.net.ops.to_host(self.net.params[f"{layer}.u"])
        ends = (
            np.full(da.shape[1], self.steps) if self.lengths is None else np.asarray(self.lengths, np.int64)
        )
        rows = row_norms.squares_with_recurrence(dh, da, u, edge, ends - t0, reverse)
        edge[...] = da[-1 if reverse else 0]
        return rows
