"""How much gradient arrives at every layer and step: the norm of ∂L/∂h_t."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .. import _check
from ..layers.chain import named_layers
from ..sequential import Sequential
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
        first, last = float(self.norms[0, 0]), float(self.norms[-1, -1])
        share = f"{first / last:.3g} times" if last > 0 else "nothing over nothing of"
        L, T = self.norms.shape
        return (
            f"‖∂L/∂h‖ at the first step of layer {self.layers[0]} is {first:.3g}, {share} that at the last step of "
            f"layer {self.layers[-1]} ({L} layers, {T} steps)"
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
    meter = _Meter(net, len(x))
    y, _, tape = net.forward(x, lengths=lengths)
    dy = loss_and_gradient("study.gradient_flow", net, y, target, loss, lengths, mask)[1]
    net.backward(dy, tape, probe=meter)
    net.ops.assign(net.buffers.flat, kept)
    if not meter.squares:
        _check.fail("study.gradient_flow", "the network has no recurrent layer", "at least one")
    names = tuple(reversed(meter.squares))  # backward comes from above
    return Flow(names, np.sqrt(np.stack([meter.squares[name] for name in names])), title)


class _Meter:
    """The probe: adds up squares; for layers with a weight u it adds what later steps give to what comes from above."""

    def __init__(self, net: Sequential, steps: int) -> None:
        self.net, self.steps = net, steps
        self.kinds = dict(named_layers(net.layers))
        self.squares: dict[str, np.ndarray] = {}
        self._edge: dict[str, np.ndarray] = {}  # da of the step that backward came to last

    def __call__(self, layer: str, t0: int, t1: int, dh: Any, da: Any) -> None:
        host = self.net.ops.to_host
        da = host(da)
        whole = np.zeros_like(da) if dh is None else np.array(host(dh))
        if f"{layer}.u" in self.net.params:
            u = host(self.net.params[f"{layer}.u"])
            later = self._later(layer, da)
            whole += u * later
        rows = np.square(whole, dtype=np.float64).sum(axis=(1, 2))
        self.squares.setdefault(layer, np.zeros(self.steps))[t0:t1] = rows

    def _later(self, layer: str, da: np.ndarray) -> np.ndarray:
        """da of the step that came after each step in walking order; zero at the walk's end."""
        reverse = layer.endswith(".reverse") or getattr(self.kinds.get(layer), "reverse", False)
        edge = self._edge.get(layer, np.zeros_like(da[:1]))
        self._edge[layer] = da[-1:].copy() if reverse else da[:1].copy()
        return np.concatenate([edge, da[:-1]] if reverse else [da[1:], edge])
