"""How long each neuron remembers: by its recurrent weight alone, and through its gates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .. import _check
from ..ops.recurrence.reference import dφ
from ..sequential import Sequential
from .finding import Finding, Table
from .states import Heard, listen, parts


@dataclass(frozen=True, repr=False, eq=False)
class Memory(Finding):
    """What `memory` measured. N neurons in L recurrent layers, from input to output.

    layers, sizes (L,): names, and how many of the N neurons, in a row, belong to each. steps T and eps ε: of the
    bounds. upper (L,): the bound on |u| that training keeps, NaN without one; the lower one is ε^(1/T).
    u (N,): recurrent weights. horizon (N,): steps by u alone. measured (N,): steps through the gates, back from each
    sample's last one, mean over samples; at most the steps of the sample. open_share (N,): mean of φ' over steps and
    samples; for relu the share of its gates that are open. open (L, T'): the same per layer and step, mean over samples
    and units, for the T' steps of the sequences.
    """

    kind: ClassVar[str] = "memory"

    layers: tuple[str, ...]
    sizes: tuple[int, ...]
    steps: int
    eps: float
    upper: np.ndarray
    u: np.ndarray
    horizon: np.ndarray
    measured: np.ndarray
    open_share: np.ndarray
    open: np.ndarray
    title: str = ""

    @property
    def lower(self) -> float:
        """ε^(1/T): from this |u| on the gradient through open gates is at least ε after T steps."""
        return self.eps ** (1 / self.steps)

    @property
    def dead(self) -> np.ndarray:
        """(N,): no gate was open at any step of any sample."""
        return self.open_share == 0

    def of_layers(self) -> list[tuple[str, slice]]:
        """Each layer's name, and which of the N neurons are its own."""
        return parts(self.layers, self.sizes)

    def words(self) -> str:
        """How many neurons of the last layer hold a gradient over the whole sequence, and how many of all are dead."""
        name, own = self.of_layers()[-1]
        T = self.open.shape[1]
        reach, held = (self.horizon[own] >= T).mean(), np.nanmean(self.measured[own])
        return (
            f"by their weights {reach:.0%} of the neurons of layer {name} keep {self.eps:g} of a gradient for all {T} "
            f"steps, through their gates they keep it for {held:.3g} steps on average; {self.dead.mean():.0%} of the "
            f"{len(self.u)} neurons in {len(self.layers)} layer{'s' if len(self.layers) > 1 else ''} are dead"
        )

    def table(self) -> Table:
        """A line for each neuron."""
        return {
            "layer": np.repeat(self.layers, self.sizes),
            "neuron": np.concatenate([np.arange(size) for size in self.sizes]),
            "u": self.u,
            "horizon / steps": self.horizon,
            "measured / steps": self.measured,
            "share of open gates": self.open_share,
        }


def horizon(u: float | np.ndarray, eps: float = 0.5) -> np.ndarray:
    """The steps over which a recurrent weight keeps the share ε of a gradient, where its gates are open.

    Equation   |u|^k = ε at k = ln ε / ln |u|; 0 for u = 0; infinite for |u| >= 1 (nothing is lost, above 1 it grows)
    Shapes     as u, float64
    Raises     ValueError unless 0 < eps < 1
    Source     ∂h_T/∂h_t = u^(T-t) Π φ': Li et al. 2018, arXiv:1803.04831, eq. 4
    """
    _check_eps("study.horizon", eps)
    size = np.abs(np.asarray(u, np.float64))
    with np.errstate(divide="ignore"):
        steps = np.where(size > 0, math.log(eps) / np.log(size), 0.0)
    return np.where(size >= 1, np.inf, steps)


def memory(
    net: Sequential, x: np.ndarray, lengths: np.ndarray | None = None, eps: float = 0.5, title: str = ""
) -> Memory:
    """Measure how far back the neurons of every layer with a weight u remember.

    Equation   ∂h_T/∂h_{T-k} = Π_{s=T-k+1}^T u φ'_s, whose size is |u|^k through open gates of a relu, and 0 from the
               first closed one on                                    (Li et al. 2018, arXiv:1803.04831, eq. 4)
               horizon: ln ε / ln |u|. measured: the number of steps k = 1, 2, ... from the last one back for which the
               product stays at ε or above, at most the steps of the sample
    Raises     ValueError if no layer has a weight u, and unless 0 < eps < 1

    Batch norm takes the statistics of this batch, as in training; nothing is dropped. The network stays as it is.

    Parameters
    ----------
    net
        The network. Layers with a recurrent matrix are left out: their neurons have no memory of their own.
    x
        (T, B, D), or (T, B) symbols.
    lengths
        (B,) valid steps of each sample.
    eps
        ε, the share of a gradient that still counts. 0.5 is the 1/γ of `recurrent_init="long"` at γ = 2.
    title
        Whose memory it is, for pictures.
    """
    where = "study.memory"
    _check_eps(where, eps)
    found = listen(net, x, lengths, training=True).states
    own = {name: heard for name, heard in found.items() if f"{name}.u" in net.params}
    if not own:
        _check.fail(
            where,
            "no layer has a recurrent weight u",
            "an IndRNN or a Recurrence",
            "whose memory is measured",
        )
    T, B = x.shape[:2]
    ends = np.full(B, T) if lengths is None else np.asarray(lengths, np.int64)
    u = {name: net.ops.to_host(net.params[f"{name}.u"]).astype(np.float64) for name in own}
    measured = [_measured(heard, u[name], ends, eps) for name, heard in own.items()]
    slopes = [_slopes(heard, ends) for heard in own.values()]
    whole = np.concatenate(list(u.values()))
    upper = [net.bounds.get(f"{name}.u", math.nan) for name in own]
    return Memory(
        tuple(own), tuple(map(len, u.values())), net.steps or T, eps, np.array(upper), whole, horizon(whole, eps),
        np.concatenate(measured), np.concatenate([by_neuron for by_neuron, _ in slopes]),
        np.stack([by_step for _, by_step in slopes]), title,
    )  # fmt: skip


def _measured(heard: Heard, u: np.ndarray, ends: np.ndarray, eps: float) -> np.ndarray:
    """(H,): the steps back from each sample's last one until |Π u φ'| falls below ε, mean over samples."""
    T, B, H = heard.h.shape
    slope, samples = dφ[heard.layer.activation], np.arange(B)  # type: ignore[attr-defined]
    product, left = np.ones((B, H)), np.repeat((ends > 0)[:, None], H, axis=1)
    steps = np.zeros((B, H))
    for k in range(T):
        t = np.full(B, k) if heard.layer.reverse else ends - 1 - k  # a walk in reverse ends at step 0
        rows = heard.h[np.clip(t, 0, T - 1), samples].astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            product *= np.abs(u * slope(rows))
        left &= (product >= eps) & (k < ends)[:, None]
        if not left.any():
            break
        steps += left
    counted = ends > 0
    return steps[counted].mean(axis=0) if counted.any() else np.full(H, np.nan)


def _slopes(heard: Heard, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean of φ' for each neuron (H,), and for each step (T,) over the samples that reach it; NaN where none does."""
    T, _, H = heard.h.shape
    slope = dφ[heard.layer.activation]  # type: ignore[attr-defined]
    by_neuron, by_step, count = np.zeros(H), np.full(T, np.nan), 0
    for t in range(T):
        rows = slope(heard.h[t, t < ends]).astype(np.float64)
        by_neuron += rows.sum(axis=0)
        count += len(rows)
        if len(rows):
            by_step[t] = rows.mean()
    return (by_neuron / count if count else np.full(H, np.nan)), by_step


def _check_eps(where: str, eps: float) -> None:
    _check.at_least(where, "eps", eps, 0.0, strictly=True)
    _check.between(where, "eps", eps, 0.0, 1.0)
