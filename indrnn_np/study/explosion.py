"""Where gradients explode and where they vanish: recurrent weights, γ, T and depth swept, beside what theory says."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .. import _check
from . import sweeps
from .finding import Finding, Table

REACH = 1.5  # the sweep goes so many times as far, in decades, as theory says that the limits are


@dataclass(frozen=True, repr=False, eq=False)
class Explosion(Finding):
    """What `explosion` measured; growth is ‖∂L/∂h_1‖ over ‖∂L/∂h_T‖, the loss is read at the last step.

    series (S,); dense (S,): has a matrix U. steps (K,): T. limits: what a gradient should stay within.
    weights (K, G): |u| of an IndRNN, largest |eigenvalue| ρ of an RNN's U; growth (S, K, G).
    depths (L,), depth_steps: T; deep_weights (G,), deep (L, G): of relu IndRNNs in a stack, from the last layer's last
    step to the first one's first; deep_theory (L, G). gammas (M,), grown (K, M): the largest growth of any neuron of an
    IndRNN that starts as `long`.
    """

    kind: ClassVar[str] = "explosion"

    series: tuple[str, ...]
    dense: tuple[bool, ...]
    steps: tuple[int, ...]
    limits: tuple[float, float]
    weights: np.ndarray
    growth: np.ndarray
    depths: tuple[int, ...]
    depth_steps: int
    deep_weights: np.ndarray
    deep: np.ndarray
    deep_theory: np.ndarray
    gammas: np.ndarray
    grown: np.ndarray
    title: str = ""

    def theory(self) -> np.ndarray:
        """(K, 2): |u|^(T-1) = limit, the weights at which a gradient through open gates leaves the limits."""
        return np.array([[limit ** (1 / (T - 1)) for limit in self.limits] for T in self.steps])

    def crossings(self) -> np.ndarray:
        """(S, K, 2): the weights between which the measured growth stays within the limits.

        NaN: none in the sweep; it does not leave them, or is outside at weight 1 already.
        """
        return np.array([
            [[_crossing(w, g, limit, up) for limit, up in zip(self.limits, (False, True), strict=True)]
             for w, g in zip(self.weights, curves, strict=True)]
            for curves in self.growth
        ])  # fmt: skip

    def words(self) -> str:
        """The range of |u| at the largest T, measured and in theory."""
        T, (low, high), (low_th, high_th) = self.steps[-1], self.crossings()[0, -1], self.theory()[-1]
        return (
            f"at T = {T} the gradient of {self.series[0]} stays within {self.limits[0]:g} and {self.limits[1]:g} for "
            f"|u| from {low:.6g} to {high:.6g} (theory: {low_th:.6g} to {high_th:.6g})"
        )

    def table(self) -> Table:
        """A line for each curve and T: where it leaves the limits."""
        S, K = self.growth.shape[:2]
        found, theory = self.crossings().reshape(S * K, 2), np.tile(self.theory(), (S, 1))
        return {
            "series": np.repeat(self.series, K), "T": np.tile(self.steps, S),
            "weight at lower limit": found[:, 0], "theory, lower": theory[:, 0],
            "weight at upper limit": found[:, 1], "theory, upper": theory[:, 1],
            "growth at weight 1": self.growth[:, :, self.weights.shape[1] // 2].ravel(),
        }  # fmt: skip


def explosion(
    steps: Sequence[int] = (10, 100, 1000), limits: tuple[float, float] = (1e-6, 1e6), hidden: int = 32,
    depths: Sequence[int] = (1, 2, 4, 8), gammas: Sequence[float] = (1, 10, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8),
    points: int = 12, backend: str = "cpu", seed: int = 0, progress: Callable[[str, int, int], None] | None = None,
    title: str = "",
) -> Explosion:  # fmt: skip
    """Sweep recurrent weights, γ and depth, and measure how a gradient grows on its way from step T to step 1.

    Equation   IndRNN         |∂h_T/∂h_1| = |u|^(T-1) Π φ'                  (Li et al. 2018, arXiv:1803.04831, eq. 4)
               RNN            ‖∂h_T/∂h_1‖ is about ρ^(T-1) Π φ', ρ the largest |eigenvalue| of U (Pascanu et al. 2013)
               L layers       C(T+L-2, L-1) |u|^(T-1): as many ways lead through time and layers, all weights between
                              layers being 1
               |u| <= γ^(1/T) the largest growth is γ^((T-1)/T)
    Raises     ValueError for a T below 2 or one limit not below 1 and the other above

    All in float64, by the network's own backward pass.

    Parameters
    ----------
    steps
        Sequence lengths T, at least 2, increasing.
    limits
        The gradient should neither be smaller nor larger than these.
    hidden
        Units of the dense RNN, and neurons of the sweep of γ.
    depths
        Numbers of layers, measured at the second T (or the only one).
    gammas
        Values of γ, at least 1.
    points
        Recurrent weights below 1, and as many above it.
    backend
        Who computes; "cuda" has no dense RNN and refuses.
    seed
        Of inputs and matrices.
    progress
        Called with what is measured next, the parts done and the parts there are.
    title
        For pictures.
    """
    _check_sweep(steps, limits, points, gammas)
    tell = progress or (lambda text, done, parts: None)
    parts = len(sweeps.SERIES) * len(steps) + 2
    weights = np.array([_around_1(T, limits, points) for T in steps])
    growth = np.empty((len(sweeps.SERIES), *weights.shape))
    for s, series in enumerate(sweeps.SERIES):
        for k, T in enumerate(steps):
            tell(f"{series.title}, T = {T}", s * len(steps) + k, parts)
            growth[s, k] = sweeps.of_weights(series, T, weights[k], hidden, backend, seed)
    middle = min(1, len(steps) - 1)
    tell("depth", parts - 2, parts)
    deep = np.stack([sweeps.stack(L, steps[middle], weights[middle], backend, seed) for L in depths])
    paths = np.array([math.comb(steps[middle] + L - 2, L - 1) for L in depths], np.float64)
    tell("γ", parts - 1, parts)
    grown = np.array([[sweeps.bounded(gamma, T, hidden, backend, seed) for gamma in gammas] for T in steps])
    return Explosion(
        tuple(series.title for series in sweeps.SERIES), tuple(series.dense for series in sweeps.SERIES),
        tuple(steps), (limits[0], limits[1]), weights, growth, tuple(depths), steps[middle], weights[middle], deep,
        paths[:, None] * weights[middle] ** (steps[middle] - 1), np.asarray(gammas, np.float64), grown, title,
    )  # fmt: skip


def _around_1(T: int, limits: Sequence[float], points: int) -> np.ndarray:
    """Recurrent weights, 1 in their middle, whose powers T - 1 are equally far apart in decades on either side."""
    low, high = (REACH * math.log10(limit) for limit in limits)
    decades = np.concatenate([np.linspace(low, 0, points + 1), np.linspace(0, high, points + 1)[1:]])
    return 10 ** (decades / (T - 1))


def _crossing(weights: np.ndarray, growth: np.ndarray, limit: float, up: bool) -> float:
    """The first weight, from 1 on, at which growth passes the limit, between two points as a power law; NaN: none."""
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
    where = "study.explosion"
    _check.at_least(where, "the number of steps", len(steps), 1)
    for T in steps:
        _check.at_least(where, "a T of steps", T, 2)
    _check.between(where, "limits[0]", limits[0], np.nextafter(0, 1), 1)
    _check.at_least(where, "limits[1]", limits[1], 1, strictly=True)
    _check.at_least(where, "points", points, 1)
    for gamma in gammas:
        _check.at_least(where, "a γ of gammas", gamma, 1)
