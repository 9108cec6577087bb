"""Numerical derivatives of a scalar function of named arrays, along a direction or by one element.

central   (f(p + s d) - f(p - s d)) / 2s      for any f; s = eps^(1/3) balances truncation and rounding
complex   Im f(p + i s d) / s                 for analytic f of complex arrays; s = 1e-20, without cancellation
jvp       the tangent of f along d            forward mode, without a step; also at kinks, where φ'(0) = 0 on both sides
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .. import _check
from .._types import Array, Function
from .report import Element, Row

EPS = float(np.finfo(np.float64).eps)
STEP = {"central": EPS ** (1 / 3), "complex": 1e-20, "jvp": 1.0}
RTOL = {"central": 1e-6, "complex": 1e-10, "jvp": 1e-12}
SHRINK, STEPS = 1 / 16, 4  # step sizes tried before a mismatch counts: s, s/16, s/256, s/4096
NOISE = 16 * EPS  # rounding error of f, relative to the terms that f sums


class Evaluation(NamedTuple):
    """A loss, the gates of its rectifiers, and the size of its terms.

    Attributes
    ----------
    value : float or complex
        The loss.
    gates : tuple of array of bool
        Which rectifiers are open.
    magnitude : float
        Size of the terms that are summed in `value`, if they may cancel.
    """

    value: complex
    gates: tuple[Array, ...] = ()
    magnitude: float = 0.0

    @classmethod
    def of_sum(cls, terms: Sequence[Array], gates: tuple[Array, ...]) -> Evaluation:
        """Return the evaluation of a loss that is the sum of all elements of some arrays."""
        return cls(sum(map(np.sum, terms)), gates, sum(float(np.linalg.norm(term)) for term in terms))


Objective = Function["float | Evaluation"]  # takes the arrays by name
Derivative = Callable[[str, Array], float]  # takes the name of an array and its direction


@dataclass(frozen=True)
class Problem:
    """A function, its arrays and its value there, and how it is differentiated."""

    f: Objective
    arrays: Mapping[str, Array]
    base: Evaluation
    method: str
    step: float
    rtol: float
    units: Mapping[str, float]
    tangent: Derivative | None = None

    def steps(self) -> list[float]:
        """Return the step sizes to try, largest first."""
        return [self.step * SHRINK**k for k in range(STEPS if self.method == "central" else 1)]

    def at(self, name: str, offset: Array) -> Evaluation:
        """Evaluate f with an offset on one array."""
        return evaluation(self.f(**{**self.arrays, name: self.arrays[name] + offset}))

    def derive(self, name: str, direction: Array, step: float) -> tuple[float, int, float]:
        """Return derivative along a direction, number of kinks within reach, and rounding error."""
        if self.tangent is not None:
            return self.tangent(name, direction), 0, 0.0
        if self.method == "complex":
            return float(np.imag(self.at(name, 1j * step * direction).value)) / step, 0, 0.0
        plus, minus = self.at(name, step * direction), self.at(name, -step * direction)
        magnitude = max(abs(e.value) + e.magnitude for e in (plus, minus))
        numeric = float(np.real(plus.value) - np.real(minus.value)) / (2 * step)
        return numeric, kinks_between(minus, self.base, plus), NOISE * magnitude / step

    def worst_element(self, row: Row, gradient: Array, rng: np.random.Generator) -> Element:
        """Return the element with the largest error; a large array is bisected first."""
        indices = np.arange(gradient.size)
        # An evaluation takes longer for large arrays, so fewer elements are tried.
        limit = int(np.clip(4_000_000 // sum(a.size for a in self.arrays.values()), 16, 4096))
        while indices.size > limit:
            halves = np.array_split(indices, 2)
            errors = [self._compare(row, gradient, i, rng.standard_normal(i.size))[0] for i in halves]
            indices = halves[int(np.argmax(errors))]
        compared = [self._compare(row, gradient, indices[i : i + 1], np.ones(1)) for i in range(indices.size)]
        worst = int(np.argmax([error for error, _, _ in compared]))
        index = tuple(int(k) for k in np.unravel_index(int(indices[worst]), gradient.shape))
        return Element(row.name, index, *compared[worst][1:], indices.size)

    def _compare(
        self, row: Row, gradient: Array, indices: Array, weights: Array
    ) -> tuple[float, float, float]:
        """Return error (-1 at a kink), analytic and numeric derivative along weighted elements."""
        scale, direction = self.units[row.name], np.zeros(gradient.size)
        direction[indices] = scale * weights
        for step in (s for s in self.steps() if s <= row.step):
            numeric, kinks, _ = self.derive(row.name, direction.reshape(gradient.shape), step)
            if not kinks:
                break
        analytic = float(np.sum(gradient.ravel()[indices] * weights)) * scale
        error = -1.0 if kinks else abs(analytic - numeric)
        return error if math.isfinite(error) else math.inf, analytic / scale, numeric / scale


def evaluation(value: complex | Evaluation) -> Evaluation:
    """Return an Evaluation; a bare number is a loss."""
    return value if isinstance(value, Evaluation) else Evaluation(value)


def chosen_method(method: str, obstacle: str) -> str:
    """Return the method for "auto"; `obstacle` says why complex steps are impossible, or ""."""
    if method == "auto":
        return "central" if obstacle else "complex"
    if method == "complex" and obstacle:
        _check.fail("gradcheck", "method is 'complex'", "'central'", f"because {obstacle}")
    return method


def kinks_between(minus: Evaluation, base: Evaluation, plus: Evaluation) -> int:
    """Return the number of gates that differ between the three points."""
    triples = zip(minus.gates, base.gates, plus.gates, strict=True)
    return sum(int(np.count_nonzero((m != b) | (b != p))) for m, b, p in triples)
