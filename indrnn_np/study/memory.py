"""Memory length of each neuron: by its recurrent weight alone, and through its gates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .. import _check
from .._types import Array, Slice
from ..layers.recurrent import Independent
from ..networks.sequential import Sequential
from ..ops.recurrence.activation import ACTIVATIONS
from .finding import Finding, Table
from .states import ends_of, parts, record_states, with_weight


@dataclass(frozen=True, repr=False, eq=False)
class Memory(Finding):
    """Result of `memory` for N neurons in L recurrent layers, from input to output.

    Attributes
    ----------
    layers, sizes : tuple (L,)
        Names of the layers, and their numbers of neurons.
    steps : int
        T of the bounds.
    eps : float
        ε of the bounds.
    upper : array (L,)
        Upper bound on |u| in training, NaN without one; the lower bound is ε^(1/T).
    u, horizon : array (N,)
        Recurrent weights, and memory in steps by u alone.
    measured : array (N,)
        Memory in steps through the gates, counted back from the last step of each sample, mean over
        samples; at most the length of the sample.
    open_share : array (N,)
        Mean of φ' over steps and samples; for relu the share of open gates.
    open : array (L, T')
        Mean of φ' over samples and units for each of the T' steps of the sequences.
    """

    kind: ClassVar[str] = "memory"

    layers: tuple[str, ...]
    sizes: tuple[int, ...]
    steps: int
    eps: float
    upper: Array
    u: Array
    horizon: Array
    measured: Array
    open_share: Array
    open: Array
    title: str = ""

    @property
    def lower(self) -> float:
        """ε^(1/T), the smallest |u| that keeps a share ε of the gradient through T open gates."""
        return self.eps ** (1 / self.steps)

    @property
    def dead(self) -> Array:
        """Whether no gate was open at any step of any sample, (N,)."""
        return self.open_share == 0

    def of_layers(self) -> list[tuple[str, Slice]]:
        """Return the name of each layer and the slice of its neurons among the N."""
        return parts(self.layers, self.sizes)

    def words(self) -> str:
        """Return the shares of neurons that remember the whole sequence, and of dead neurons."""
        name, part = self.of_layers()[-1]
        T, plural = self.open.shape[1], "s" if len(self.layers) > 1 else ""
        reach, measured = (self.horizon[part] >= T).mean(), np.nanmean(self.measured[part])
        return (
            f"by weight alone {reach:.0%} of the neurons of layer {name} keep {self.eps:g} of a gradient for all {T} "
            f"steps; through the gates they keep it for {measured:.3g} steps on average; {self.dead.mean():.0%} of the "
            f"{len(self.u)} neurons in {len(self.layers)} layer{plural} are dead"
        )

    def table(self) -> Table:
        """Return one row for each neuron."""
        return {
            "layer": np.repeat(self.layers, self.sizes),
            "neuron": np.concatenate([np.arange(size) for size in self.sizes]),
            "u": self.u,
            "horizon / steps": self.horizon,
            "measured / steps": self.measured,
            "share of open gates": self.open_share,
        }


def horizon(u: float | Array, eps: float = 0.5) -> Array:
    """Return the number of steps after which open gates leave a share ε of the gradient.

    Parameters
    ----------
    u : float or array
        Recurrent weights.
    eps : float
        Share ε, 0 < ε < 1.

    Returns
    -------
    array of float64, shape of u
        Steps; 0 for u = 0, infinite for |u| >= 1.

    Notes
    -----
    |u|^k = ε at k = ln ε / ln |u|, from ∂h_T/∂h_t = u^(T-t) Π φ' (Li et al. 2018, arXiv:1803.04831,
    eq. 4).

    Examples
    --------
    >>> from indrnn_np import study
    >>> study.horizon([0.0, 0.5, 1.0])
    array([ 0.,  1., inf])
    """
    _check_eps("study.horizon", eps)
    size = np.abs(np.asarray(u, np.float64))
    with np.errstate(divide="ignore"):
        steps = np.where(size > 0, math.log(eps) / np.log(size), 0.0)
    return np.where(size >= 1, np.inf, steps)


def memory(
    net: Sequential, x: Array, lengths: Array | None = None, eps: float = 0.5, title: str = ""
) -> Memory:
    """Measure the memory length of the neurons in every layer with a weight u.

    Batch norm uses the statistics of this batch, dropout is off, and the network is not changed.

    Parameters
    ----------
    net : Sequential
        Network. Layers with a recurrent matrix are left out, because their neurons share one
        memory.
    x : array (T, B, D) or (T, B)
        Input, or symbols.
    lengths : array (B,), optional
        Valid steps of each sample.
    eps : float
        Share ε of a gradient that counts as remembered. 0.5 is 1/γ of
        `recurrent_init="long"` at γ = 2.
    title : str
        Title of the figures.

    Raises
    ------
    ValueError
        If no layer has a weight u, or unless 0 < eps < 1.

    Notes
    -----
    ∂h_T/∂h_{T-k} = Π_{s=T-k+1}^T u φ'_s (Li et al. 2018, arXiv:1803.04831, eq. 4). Through open
    relu gates its absolute value is |u|^k; behind a closed gate it is 0. horizon: ln ε / ln |u|.
    measured: the number of steps k, counted back from the last one, for which the absolute value
    stays at or above ε.
    """
    where = "study.memory"
    _check_eps(where, eps)
    states = with_weight(where, record_states(net, x, lengths, training=True).states)
    T, B = x.shape[:2]
    ends = ends_of(lengths, T, B)
    weights = net.recurrent_weights()
    u = {name: weights[name].astype(np.float64) for name in states}
    measured = [_measured(layer, h, u[name], ends, eps) for name, (layer, h) in states.items()]
    slopes = [_slopes(layer, h, ends) for layer, h in states.values()]
    u_of_all = np.concatenate(list(u.values()))
    upper = [net.weight_bounds.get(f"{name}.u", math.nan) for name in states]
    return Memory(
        tuple(states), tuple(map(len, u.values())), net.steps or T, eps, np.array(upper), u_of_all,
        horizon(u_of_all, eps), np.concatenate(measured), np.concatenate([by_neuron for by_neuron, _ in slopes]),
        np.stack([by_step for _, by_step in slopes]), title,
    )  # fmt: skip


def _measured(layer: Independent, h: Array, u: Array, ends: Array, eps: float) -> Array:
    """Return the number of last steps with |Π u φ'| >= ε, as the mean over samples (H,)."""
    T, B, H = h.shape
    slope, samples = ACTIVATIONS[layer.activation].array_dphi, np.arange(B)
    product, remembers, steps = np.ones((B, H)), np.ones((B, H), bool), np.zeros((B, H))
    for k in range(T):
        t = np.full(B, k) if layer.reverse else ends - 1 - k  # a reverse layer ends at step 0
        rows = h[np.clip(t, 0, T - 1), samples].astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            product *= np.abs(u * slope(rows))
        remembers &= (product >= eps) & (k < ends)[:, None]
        if not remembers.any():
            break
        steps += remembers
    counted = ends > 0
    return steps[counted].mean(axis=0) if counted.any() else np.full(H, np.nan)


def _slopes(layer: Independent, h: Array, ends: Array) -> tuple[Array, Array]:
    """Return the mean of φ' by neuron (H,) and by step (T,), NaN beyond all samples."""
    T, _, H = h.shape
    slope = ACTIVATIONS[layer.activation].array_dphi
    by_neuron, by_step, count = np.zeros(H), np.full(T, np.nan), 0
    for t in range(T):
        rows = slope(h[t, t < ends]).astype(np.float64)
        by_neuron += rows.sum(axis=0)
        count += len(rows)
        if len(rows):
            by_step[t] = rows.mean()
    return (by_neuron / count if count else np.full(H, np.nan)), by_step


def _check_eps(where: str, eps: float) -> None:
    _check.at_least(where, "eps", eps, 0.0, strictly=True)
    _check.between(where, "eps", eps, 0.0, 1.0)
