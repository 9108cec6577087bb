"""Derivatives of a scalar function along random directions, compared with gradients that were worked out by hand.

    central   (f(p + s d) - f(p - s d)) / 2s      for any f; s = eps^(1/3), where truncation and rounding balance
    complex   Im f(p + i s d) / s                 for analytic f that takes complex arrays; s = 1e-20, nothing cancels

d has one normal number for each element, times the unit of the array: its root mean square, so that a step is a
relative change and the derivatives of different arrays can be compared; for an array of zeros what moves the loss as
much as the others do, but at most 1 (new biases are 0 beside tiny weights). The error is taken over the size
of such a derivative, the largest of: its own; the typical one |gradient| |d| / sqrt(n), as a random direction may be
nearly orthogonal to the gradient; a thousandth of the largest typical one of all arrays, so that a gradient that must
vanish (a bias before batch norm) is compared with the others' size and not with its own rounding.

A rectifier has no derivative at 0. Where f tells its gates (`Evaluation.gates`), those that differ between p - s d,
p and p + s d are counted: they are the pre-activations within reach of the step. A mismatch is tried again with
smaller steps, then along new directions, which meet other kinks; if some are within reach of each (an input at the
kink itself always is), the row is undecided: neither a pass nor a fault of the backward.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from .. import _check
from .report import FAILED, PASSED, UNDECIDED, Element, Report, Row

EPS = float(np.finfo(np.float64).eps)
STEP = {"central": EPS ** (1 / 3), "complex": 1e-20}
RTOL = {"central": 1e-6, "complex": 1e-10}
SHRINK, RUNGS = 1 / 16, 4  # steps tried before a mismatch counts: s, s/16, s/256, s/4096
NOISE = 16 * EPS  # rounding of f, over the magnitude of what f sums
FLOOR = 1e-3
REDRAWS = 3  # directions tried after one that kinks left undecided
# Rounding, in tolerances, above which a step tells nothing: the first one, smaller ones, smaller ones to evade kinks.
DROWNED = (100.0, 1.0, 10.0)


class Evaluation(NamedTuple):
    """A loss with what a check wants to know about it."""

    value: complex
    gates: tuple[np.ndarray, ...] = ()  # booleans: which rectifiers are open
    magnitude: float = 0.0  # size of the terms summed in `value`, if they may cancel


Function = Callable[..., "float | Evaluation"]


@dataclass(frozen=True)
class _Problem:
    """A function, the point where it is derived, and how."""

    f: Function
    arrays: Mapping[str, np.ndarray]
    base: Evaluation
    method: str
    step: float
    rtol: float
    units: Mapping[str, float]

    def steps(self) -> list[float]:
        """The steps to try, largest first."""
        return [self.step * SHRINK**k for k in range(1 if self.method == "complex" else RUNGS)]

    def moved(self, name: str, offset: np.ndarray) -> Evaluation:
        """f at the point with one array moved."""
        return _evaluation(self.f(**{**self.arrays, name: self.arrays[name] + offset}))

    def derive(self, name: str, direction: np.ndarray, step: float) -> tuple[float, int, float]:
        """The derivative along a direction, the kinks in between, and the rounding error to expect."""
        if self.method == "complex":
            return float(np.imag(self.moved(name, 1j * step * direction).value)) / step, 0, 0.0
        plus, minus = self.moved(name, step * direction), self.moved(name, -step * direction)
        magnitude = max(abs(e.value) + e.magnitude for e in (plus, minus))
        numeric = float(np.real(plus.value) - np.real(minus.value)) / (2 * step)
        return numeric, _kinks(minus, self.base, plus), NOISE * magnitude / step


def check_function(
    f: Function,
    gradients: Mapping[str, np.ndarray],
    arrays: Mapping[str, np.ndarray],
    *,
    directions: int = 1,
    step: float | None = None,
    method: str = "central",
    rtol: float | None = None,
    seed: int = 0,
    raises: bool = True,
    what: str = "function",
) -> Report:
    """Compare gradients of your own with derivatives of your own function, array by array.

    f           takes the arrays by name, returns a number, or an `Evaluation` that also tells which rectifiers are open
    gradients   by name, of the shape of the array; arrays without one are held fixed
    arrays      float64, by name: the point; f must not change them
    directions  random directions for each array;  step  in units of the array, see above
    method      "central" or "complex" (f must take complex128 arrays and be analytic)
    Returns a Report; raises GradientError (unless raises=False) where both derivatives exist and disagree.
    """
    where = "check_function"
    _check.choice(where, "method", method, STEP)
    _check.at_least(where, "directions", directions, 1)
    step = STEP[method] if step is None else step
    rtol = RTOL[method] if rtol is None else rtol
    _check.at_least(where, "step", step, 0.0, strictly=True)
    _check_arrays(where, gradients, arrays)
    base = _evaluation(f(**arrays))
    if not np.isfinite(base.value):
        _check.fail(where, f"the loss of {what} is {base.value}", "a finite number", "to have a derivative")
    units = _units(gradients, arrays)
    problem = _Problem(f, arrays, base, method, step, rtol, units)
    rng = np.random.default_rng(seed)
    draws = [
        (n, units[n] * rng.standard_normal(arrays[n].shape)) for n in gradients for _ in range(directions)
    ]
    sizes = [_typical(gradients[name], d) for name, d in draws]
    floor = FLOOR * max((size for size in sizes if math.isfinite(size)), default=0.0)
    rows = [_decide(problem, name, gradients[name], d, floor, rng) for name, d in draws]
    for i, row in enumerate(rows):
        if row.status == FAILED:
            rows[i] = replace(row, worst=_worst_element(problem, row, gradients[row.name], rng))
    report = Report(what, method, tuple(rows))
    if raises:
        report.raise_failures()
    return report


def _decide(
    problem: _Problem,
    name: str,
    gradient: np.ndarray,
    direction: np.ndarray,
    floor: float,
    rng: np.random.Generator,
) -> Row:
    """Derive along one direction, and along others if kinks are in its way; the last of them is told."""
    row = _row(problem, name, gradient, direction, floor)
    for _ in range(REDRAWS):
        if row.status != UNDECIDED or not row.kinks_left:
            break
        row = _row(problem, name, gradient, problem.units[name] * rng.standard_normal(gradient.shape), floor)
    return row


def _row(problem: _Problem, name: str, gradient: np.ndarray, direction: np.ndarray, floor: float) -> Row:
    """Derive along one direction, with smaller steps as long as the numbers disagree."""
    analytic = float(np.sum(gradient * direction))
    typical = max(_typical(gradient, direction), floor)
    rungs: list[Row] = []
    for k, step in enumerate(problem.steps()):
        numeric, kinks, noise = problem.derive(name, direction, step)
        size = max(abs(analytic), abs(numeric), typical) or 1.0
        error = abs(analytic - numeric) / size
        tolerance = problem.rtol + noise / size
        limit = DROWNED[0 if k == 0 else 2 if rungs[0].kinks else 1]
        drowned = noise / size > limit * problem.rtol
        status = UNDECIDED if drowned else PASSED if error <= tolerance else UNDECIDED if kinks else FAILED
        first = rungs[0].kinks if rungs else kinks
        rungs.append(
            Row(name, analytic, numeric, error, tolerance, first, status, step, problem.method, kinks)
        )
        if status == PASSED:
            return rungs[-1]
        if drowned:
            break
    wrong = [row for row in rungs if row.status == FAILED]
    return min(wrong, key=_finite_error) if wrong else min(rungs, key=lambda row: row.kinks_left or math.inf)


def _worst_element(problem: _Problem, row: Row, gradient: np.ndarray, rng: np.random.Generator) -> Element:
    """Find the element that is farthest off, one by one; in a large array after bisecting to a part that is off."""
    name, shape, scale = row.name, gradient.shape, problem.units[row.name]
    flat = gradient.ravel()

    def off(indices: np.ndarray, weights: np.ndarray) -> tuple[float, float, float]:
        direction = np.zeros(flat.size)
        direction[indices] = scale * weights
        for step in (s for s in problem.steps() if s <= row.step):
            numeric, kinks, _ = problem.derive(name, direction.reshape(shape), step)
            if not kinks:
                break
        analytic = float(np.sum(flat[indices] * weights)) * scale
        error = abs(analytic - numeric)
        return (
            (-1.0 if kinks else error if math.isfinite(error) else math.inf),
            analytic / scale,
            numeric / scale,
        )

    indices = np.arange(flat.size)
    # What one evaluation costs grows with the arrays: search fewer elements one by one where they are large.
    limit = int(np.clip(4_000_000 // sum(a.size for a in problem.arrays.values()), 16, 4096))
    while indices.size > limit:
        halves = np.array_split(indices, 2)
        indices = max(halves, key=lambda part: off(part, rng.standard_normal(part.size))[0])
    found = [off(indices[i : i + 1], np.ones(1)) for i in range(indices.size)]
    i = max(range(len(found)), key=lambda k: found[k][0])
    index = tuple(int(k) for k in np.unravel_index(int(indices[i]), shape))
    return Element(name, index, found[i][1], found[i][2], indices.size)


def _evaluation(value: float | Evaluation) -> Evaluation:
    """Accept a bare number as a loss."""
    return value if isinstance(value, Evaluation) else Evaluation(value)


def _units(gradients: Mapping[str, np.ndarray], arrays: Mapping[str, np.ndarray]) -> dict[str, float]:
    """The unit of a step for each array."""
    sizes = {n: float(np.sqrt(np.mean(np.square(arrays[n])))) if arrays[n].size else 0.0 for n in gradients}
    norms = {n: float(np.linalg.norm(gradient)) for n, gradient in gradients.items()}
    moved = [norms[n] * size for n, size in sizes.items() if size and 0 < norms[n] < math.inf]
    middle = float(np.median(moved)) if moved else 0.0
    zeros = {n: middle / norm if middle and 0 < norm < math.inf else 1.0 for n, norm in norms.items()}
    return {n: size or min(1.0, zeros[n]) for n, size in sizes.items()}


def _typical(gradient: np.ndarray, direction: np.ndarray) -> float:
    """The root mean square of <gradient, d> over random d of this size."""
    norms = float(np.linalg.norm(gradient)) * float(np.linalg.norm(direction))
    return norms / math.sqrt(max(gradient.size, 1))


def _kinks(minus: Evaluation, base: Evaluation, plus: Evaluation) -> int:
    """How many gates are not the same at all three points."""
    triples = zip(minus.gates, base.gates, plus.gates, strict=True)
    return sum(int(np.count_nonzero((m != b) | (b != p))) for m, b, p in triples)


def _finite_error(row: Row) -> float:
    return row.error if math.isfinite(row.error) else math.inf


def _check_arrays(where: str, gradients: Mapping[str, np.ndarray], arrays: Mapping[str, np.ndarray]) -> None:
    """Each gradient belongs to an array of its shape; all are float64."""
    why = "because float32 drowns a difference in rounding"
    for name, gradient in gradients.items():
        _check.choice(where, "the name of a gradient", name, arrays)
        for label, value in ((name, arrays[name]), (f"the gradient of {name}", gradient)):
            kind = getattr(value, "dtype", type(value).__name__)
            if kind != np.float64:
                _check.fail(where, f"{label} has dtype {kind}", "float64", why)
        _check.matches(where, f"the gradient of {name}", gradient, arrays[name].shape, name, arrays[name])
