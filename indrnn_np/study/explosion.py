"""Where gradients explode or vanish: sweeps of weights, γ, T and depth, against theory."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .. import _check
from .._types import Array
from . import sweeps
from .finding import Finding, Table

REACH = 1.5  # range of the sweep in decades, as a multiple of the range between the limits in theory


@dataclass(frozen=True, repr=False, eq=False)
class Explosion(Finding):
    """Result of `explosion`. Growth is ‖∂L/∂h_1‖ / ‖∂L/∂h_T‖ for a loss on the last step.

    Attributes
    ----------
    series : tuple of str (S,)
        Names of the networks.
    dense : tuple of bool (S,)
        Whether the recurrent weight is a matrix U.
    steps : tuple of int (K,)
        Sequence lengths T.
    limits : tuple of float
        Smallest and largest growth accepted.
    weights : array (K, G)
        |u| of an IndRNN, or the spectral radius ρ of U.
    growth : array (S, K, G)
        Growth of each network, length and weight.
    depths : tuple of int (L,)
        Numbers of layers.
    depth_steps : int
        T of the sweep over depths.
    deep_weights : array (G,)
        |u| of the sweep of depths.
    deep, deep_theory : array (L, G)
        Growth in a stack of relu IndRNNs, from the last step of the last layer to the first step of
        the first layer.
    gammas : array (M,)
        Values of γ.
    grown : array (K, M)
        Largest growth of any neuron of an IndRNN with `recurrent_init="long"`.
    """

    kind: ClassVar[str] = "explosion"

    series: tuple[str, ...]
    dense: tuple[bool, ...]
    steps: tuple[int, ...]
    limits: tuple[float, float]
    weights: Array
    growth: Array
    depths: tuple[int, ...]
    depth_steps: int
    deep_weights: Array
    deep: Array
    deep_theory: Array
    gammas: Array
    grown: Array
    title: str = ""

    def theory(self) -> Array:
        """Return the |u| (K, 2) with |u|^(T-1) = limit, at which open gates reach the limits."""
        return np.array([[limit ** (1 / (T - 1)) for limit in self.limits] for T in self.steps])

    def crossings(self) -> Array:
        """Return the weights (S, K, 2) between which the measured growth stays within the limits.

        NaN: the growth stays within the limits in the sweep, or is outside at weight 1.
        """
        return np.array([
            [[_crossing(w, g, limit, up) for limit, up in zip(self.limits, (False, True), strict=True)]
             for w, g in zip(self.weights, curves, strict=True)]
            for curves in self.growth
        ])  # fmt: skip

    def words(self) -> str:
        """Return the range of |u| at the largest T, measured and in theory."""
        T, (low, high), (low_th, high_th) = self.steps[-1], self.crossings()[0, -1], self.theory()[-1]
        return (
            f"at T = {T} the gradient of {self.series[0]} stays within {self.limits[0]:g} and {self.limits[1]:g} for "
            f"|u| from {low:.6g} to {high:.6g} (theory: {low_th:.6g} to {high_th:.6g})"
        )

    def table(self) -> Table:
        """Return one row for each curve and T: the weights at which it leaves the limits."""
        S, K = self.growth.shape[:2]
        measured, theory = self.crossings().reshape(S * K, 2), np.tile(self.theory(), (S, 1))
        return {
            "series": np.repeat(self.series, K), "T": np.tile(self.steps, S),
            "weight at lower limit": measured[:, 0], "theory, lower": theory[:, 0],
            "weight at upper limit": measured[:, 1], "theory, upper": theory[:, 1],
            "growth at weight 1": self.growth[:, :, self.weights.shape[1] // 2].ravel(),
        }  # fmt: skip


def explosion(
    steps: Sequence[int] = (10, 100, 1000), limits: tuple[float, float] = (1e-6, 1e6), hidden: int = 32,
    depths: Sequence[int] = (1, 2, 4, 8), gammas: Sequence[float] = (1, 10, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8),
    points: int = 12, backend: str = "cpu", seed: int = 0, progress: Callable[[str, int, int], None] | None = None,
    title: str = "",
) -> Explosion:  # fmt: skip
    """Sweep recurrent weights, γ and depth, and measure the gradient's growth from step T to 1.

    All values come from the network's backward pass in float64.

    Parameters
    ----------
    steps : sequence of int
        Sequence lengths T, at least 2, increasing.
    limits : tuple of float
        Smallest and largest growth accepted, below and above 1.
    hidden : int
        Hidden units of the dense RNN and of the sweep of γ.
    depths : sequence of int
        Numbers of layers, measured at the second T (or the only T).
    gammas : sequence of float
        Values of γ, at least 1.
    points : int
        Number of recurrent weights below 1, and of those above 1.
    backend : str
        "cpu" or "reference". "cuda" is refused, because it has no dense RNN.
    seed : int
        Seed of inputs and matrices.
    progress : callable, optional
        Called with the name of the next part, the number of parts done and the total.
    title : str
        Title of the figures.

    Raises
    ------
    ValueError
        If a T is below 2, or the limits do not lie on both sides of 1.

    Notes
    -----
    IndRNN: |∂h_T/∂h_1| = |u|^(T-1) Π φ' (Li et al. 2018, arXiv:1803.04831, eq. 4). RNN: ‖∂h_T/∂h_1‖
    is about ρ^(T-1) Π φ', where ρ is the spectral radius of U (Pascanu et al. 2013). L layers:
    C(T+L-2, L-1) |u|^(T-1), the number of paths through time and layers, if all weights between
    layers are 1. With |u| <= γ^(1/T) the largest growth is γ^((T-1)/T).
    """
    _check_sweep(steps, limits, points, gammas)
    progress = progress or (lambda text, done, parts: None)
    parts = len(sweeps.SERIES) * len(steps) + 2
    weights = np.array([_around_1(T, limits, points) for T in steps])
    growth = np.empty((len(sweeps.SERIES), *weights.shape))
    for s, series in enumerate(sweeps.SERIES):
        for k, T in enumerate(steps):
            progress(f"{series.title}, T = {T}", s * len(steps) + k, parts)
            growth[s, k] = sweeps.of_weights(series, T, weights[k], hidden, backend, seed)
    middle = min(1, len(steps) - 1)
    progress("depth", parts - 2, parts)
    deep = np.stack([sweeps.stack(L, steps[middle], weights[middle], backend, seed) for L in depths])
    paths = np.array([math.comb(steps[middle] + L - 2, L - 1) for L in depths], np.float64)
    progress("γ", parts - 1, parts)
    grown = np.array([[sweeps.bounded(gamma, T, hidden, backend, seed) for gamma in gammas] for T in steps])
    return Explosion(
        tuple(series.title for series in sweeps.SERIES), tuple(series.dense for series in sweeps.SERIES),
        tuple(steps), (limits[0], limits[1]), weights, growth, tuple(depths), steps[middle], weights[middle], deep,
        paths[:, None] * weights[middle] ** (steps[middle] - 1), np.asarray(gammas, np.float64), grown, title,
    )  # fmt: skip


def _around_1(T: int, limits: Sequence[float], points: int) -> Array:
    """Return weights around 1 whose powers T - 1 are evenly spaced in decades on either side."""
    low, high = (REACH * math.log10(limit) for limit in limits)
    decades = np.concatenate([np.linspace(low, 0, points + 1), np.linspace(0, high, points + 1)[1:]])
    return 10 ** (decades / (T - 1))


def _crossing(weights: Array, growth: Array, limit: float, up: bool) -> float:
    """Return the first weight from 1 on at which growth passes the limit, interpolated, or NaN."""
    middle = len(weights) // 2
    order = np.arange(middle, len(weights)) if up else np.arange(middle, -1, -1)
    with np.errstate(divide="ignore"):
        beyond = (np.log(growth[order]) - math.log(limit)) * (1 if up else -1)
    passed = np.flatnonzero(beyond >= 0)
    if not passed.size or passed[0] == 0:
        return math.nan
    i = int(passed[0])
    (w0, w1), (b0, b1) = np.log(weights[order[i - 1 : i + 1]]), beyond[i - 1 : i + 1]
    share = -b0 / (b1 - b0) if np.isfinite(b1) else 1.0
    return float(np.exp(w0 + share * (w1 - w0)))


def _check_sweep(steps: Sequence[int], limits: Sequence[float], points: int, gammas: Sequence[float]) -> None:
    """Check the arguments of `explosion`."""
    where = "study.explosion"
    _check.at_least(where, "the number of steps", len(steps), 1)
    for T in steps:
        _check.at_least(where, "a T of steps", T, 2)
    _check.between(where, "limits[0]", limits[0], np.nextafter(0, 1), 1)
    _check.at_least(where, "limits[1]", limits[1], 1.0, strictly=True)
    _check.at_least(where, "points", points, 1)
    for gamma in gammas:
        _check.at_least(where, "a γ of gammas", gamma, 1.0)
