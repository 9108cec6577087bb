"""Gradient flow: the norm of ∂L/∂h_t at every layer and time step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .. import _check
from .._cpu import row_norms
from .._types import AnyArray, Array
from ..layers.chain import named_layers
from ..networks.sequential import Sequential
from ..training.metrics import restored_statistics
from .finding import Finding, Table
from .objective import Loss, loss_and_gradient
from .states import ends_of


@dataclass(frozen=True, repr=False, eq=False)
class Flow(Finding):
    """Result of `gradient_flow`.

    Attributes
    ----------
    layers : tuple of str (L,)
        Names of the recurrent layers, from input to output, such as "0" or "3.2".
    norms : array (L, T) of float64
        Norm over samples and units of ∂L/∂h_t, the gradient from the layer above and from later
        steps.
    """

    kind: ClassVar[str] = "flow"

    layers: tuple[str, ...]
    norms: Array
    title: str = ""

    def totals(self) -> Array:
        """Return the norm over all steps, (L,)."""
        return np.sqrt(np.square(self.norms).sum(axis=1))

    def words(self) -> str:
        """Return the norm at the first layer's first step over that of the last layer's last."""
        L, T = self.norms.shape
        size = f"({L} layer{'s' if L > 1 else ''}, {T} steps)"
        reached = np.flatnonzero(self.norms[-1])  # all samples may end before the last step
        if not reached.size:
            return f"no gradient reaches layer {self.layers[-1]} {size}"
        end = reached[-1]
        first, last = float(self.norms[0, 0]), float(self.norms[-1, end])
        where = "the last step" if end == T - 1 else f"step {end + 1}, the last of any sample,"
        return (
            f"‖∂L/∂h‖ at the first step of layer {self.layers[0]} is {first:.3g}, {first / last:.3g} times that at "
            f"{where} of layer {self.layers[-1]} {size}"
        )

    def table(self) -> Table:
        """Return one row for each layer and step, with t from 1."""
        L, T = self.norms.shape
        return {
            "layer": np.repeat(self.layers, T),
            "step t": np.tile(np.arange(1, T + 1), L),
            "norm of dL/dh_t": self.norms.ravel(),
        }


def gradient_flow(
    net: Sequential, x: Array, target: AnyArray | None = None, loss: Loss = None, lengths: Array | None = None,
    mask: AnyArray | None = None, title: str = "",
) -> Flow:  # fmt: skip
    """Return the norms of ∂L/∂h_t from one forward and backward pass.

    Neither parameters nor running statistics are changed.

    Parameters
    ----------
    net : Sequential
        Network; it runs as in training.
    x : array (T, B, D) or (T, B)
        Input, or symbols.
    target, loss, mask
        Loss to differentiate, as in `objective.loss_and_gradient`.
    lengths : array (B,), optional
        Valid steps of each sample; later steps contribute zero.
    title : str
        Title of the figures.

    Notes
    -----
    For an IndRNN ∂L/∂h_t = dh_t + u ⊙ da_{t+1}, with dh_t from the layer above and
    da_{t+1} = φ'_{t+1} ⊙ ∂L/∂h_{t+1} (Li et al. 2018, arXiv:1803.04831, eq. 4). Cells with a
    recurrent matrix pass ∂L/∂h_t to the probe (ops/rnn).
    """
    with restored_statistics(net):
        y, _, tape = net.forward(x, lengths=lengths)
        meter = Meter(net, len(x), lengths)
        dy = loss_and_gradient("study.gradient_flow", net, y, target, loss, lengths, mask)[1]
        net.backward(dy, tape, probe=meter)
    if not meter.squares:
        _check.fail("study.gradient_flow", "the network has no recurrent layer", "at least one")
    names = tuple(reversed(meter.squares))  # backward visits the last layer first
    return Flow(names, np.sqrt(np.stack([meter.squares[name] for name in names])), title)


class Meter:
    """Probe that sums squares of ∂L/∂h_t: dh_t, plus u ⊙ da_{t+1} if a layer has a weight u."""

    any_thread: ClassVar[bool] = True  # it never waits for the thread pool

    def __init__(self, net: Sequential, steps: int, lengths: Array | None = None) -> None:
        self.net, self.steps, self.lengths = net, steps, lengths
        self.kinds, self.weights = dict(named_layers(net.layers)), net.recurrent_weights()
        self.squares: dict[str, Array] = {}
        self._edge: dict[str, Array] = {}  # da of the last step visited by backward

    def __call__(self, layer: str, t0: int, t1: int, dh: AnyArray, da: AnyArray) -> None:
        host = self.net.device.to_host
        if layer in self.weights:
            rows = self._with_recurrence(layer, t0, None if dh is None else host(dh), host(da))
        else:
            rows = row_norms.squares(host(dh))
        self.squares.setdefault(layer, np.zeros(self.steps))[t0:t1] = rows

    def _with_recurrence(self, layer: str, t0: int, dh: Array | None, da: Array) -> Array:
        """Return the squares for steps from t0 on of a layer with a weight u."""
        reverse = layer.endswith(".reverse") or getattr(self.kinds.get(layer), "reverse", False)
        edge = self._edge.get(layer)
        if edge is None:  # the first call: no later step exists
            edge = self._edge[layer] = np.zeros_like(da[0])
        ends = ends_of(self.lengths, self.steps, da.shape[1])
        rows = row_norms.squares_with_recurrence(dh, da, self.weights[layer], edge, ends - t0, reverse)
        edge[...] = da[-1 if reverse else 0]
        return rows
