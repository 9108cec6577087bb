"""Comparison of gradients with numerical derivatives along random directions (problem.py).

A direction has normally distributed elements in the unit of its array: the root mean square of the
array, so that a step is a relative change and derivatives of different arrays are comparable. For
an array of zeros, such as new biases, the unit is chosen so that a step changes the loss as much as
a step of the other arrays, but at most 1.

An error is relative to the largest of three numbers: the derivative itself; the typical derivative
|gradient| |d| / sqrt(n), because a random direction may be nearly orthogonal to the gradient; a
thousandth of the largest typical derivative of all arrays, so that a gradient that must vanish (a
bias before batch norm) is not compared with its own rounding error.

A rectifier has no derivative at 0. If f returns its gates (`Evaluation.gates`), the gates that
differ between p - s d, p and p + s d are counted: these kinks are within reach of the step. A
mismatch is tried again with smaller steps, then along new directions, which reach other kinks. If
kinks are within reach of each direction, the row is undecided: neither passed nor failed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from .. import _check
from .._types import Array
from .problem import RTOL, STEP, Derivative, Evaluation, Objective, Problem, evaluation
from .report import FAILED, PASSED, UNDECIDED, Report, Row

__all__ = ["RTOL", "STEP", "Evaluation", "check_function"]

FLOOR = 1e-3
REDRAWS = 3  # new directions after one that is undecided because of kinks
# Rounding error, in tolerances, above which a step is undecided: the first step, smaller steps after a
# mismatch, smaller steps after kinks.
DROWNED = (100.0, 1.0, 10.0)
ZEROS = 1e-2  # rounding error, relative to the size, up to which two derivatives of exactly 0 agree


def check_function(
    f: Objective,
    gradients: Mapping[str, Array],
    arrays: Mapping[str, Array],
    *,
    directions: int = 1,
    step: float | None = None,
    method: str = "central",
    tangent: Derivative | None = None,
    rtol: float | None = None,
    seed: int = 0,
    raises: bool = True,
    what: str = "function",
) -> Report:
    """Compare gradients of a function with its numerical derivatives, array by array.

    Parameters
    ----------
    f : callable
        Takes the arrays by name and returns a number, or an `Evaluation` with the open rectifiers.
        It must not change the arrays.
    gradients : dict of str to array
        Gradients by name. Arrays without a gradient are constant.
    arrays : dict of str to array of float64
        Arguments of f.
    directions : int
        Random directions for each array.
    step : float, optional
        Step size in units of the array.
    method : {"central", "complex", "jvp"}
        Central differences; complex steps, for which f must be analytic and accept complex128; or
        `tangent`.
    tangent : callable, optional
        tangent(name, direction) returns the derivative of f along a direction of one array.
    rtol : float, optional
        Tolerance of the relative error. By default 1e-6 (central), 1e-10 (complex) or 1e-12 (jvp).
    seed : int
        Seed of the directions.
    raises : bool
        Raise an error if a gradient is wrong.
    what : str
        Name of the function in the report.

    Returns
    -------
    Report
        One row for each array and direction.

    Raises
    ------
    GradientError
        If both derivatives exist and differ, unless `raises` is False.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([1.0, 2.0])
    >>> check_function(lambda x: float(np.sum(x**2)), {"x": 2 * x}, {"x": x}).passed
    True
    """
    where = "check_function"
    _check.boolean(where, "raises", raises)
    _check_method(where, method, tangent)
    _check.at_least(where, "directions", directions, 1)
    step = _check.at_least(where, "step", STEP[method] if step is None else step, 0.0, strictly=True)
    rtol = _check.at_least(where, "rtol", RTOL[method] if rtol is None else rtol, 0.0)
    _check_arrays(where, gradients, arrays)
    base = evaluation(f(**arrays))
    if not np.isfinite(base.value):
        _check.fail(where, f"the loss of {what} is {base.value}", "a finite number", "to have a derivative")
    units = _units(gradients, arrays)
    problem = Problem(f, arrays, base, method, step, rtol, units, tangent)
    rng = np.random.default_rng(seed)
    draws = [
        (n, units[n] * rng.standard_normal(arrays[n].shape)) for n in gradients for _ in range(directions)
    ]
    sizes = [_typical(gradients[name], d) for name, d in draws]
    floor = FLOOR * max((size for size in sizes if math.isfinite(size)), default=0.0)
    rows = [_decide(problem, name, gradients[name], d, floor, rng) for name, d in draws]
    for i, row in enumerate(rows):
        if row.status == FAILED:
            rows[i] = replace(row, worst=problem.worst_element(row, gradients[row.name], rng))
    report = Report(what, method, tuple(rows))
    if raises:
        report.raise_failures()
    return report


def _decide(
    problem: Problem, name: str, gradient: Array, direction: Array, floor: float, rng: np.random.Generator
) -> Row:  # fmt: skip
    """Return the row of a direction, or of a new direction while kinks leave the row undecided."""
    row = _row(problem, name, gradient, direction, floor)
    for _ in range(REDRAWS):
        if row.status != UNDECIDED or not row.kinks_left:
            break
        row = _row(problem, name, gradient, problem.units[name] * rng.standard_normal(gradient.shape), floor)
    return row


def _row(problem: Problem, name: str, gradient: Array, direction: Array, floor: float) -> Row:
    """Compare along one direction, with smaller steps as long as the derivatives differ."""
    analytic = float(np.sum(gradient * direction))
    typical = max(_typical(gradient, direction), floor)
    rows: list[Row] = []
    for k, step in enumerate(problem.steps()):
        numeric, kinks, noise = problem.derive(name, direction, step)
        size = max(abs(analytic), abs(numeric), typical) or 1.0
        error = abs(analytic - numeric) / size
        tolerance = problem.rtol + noise / size
        limit = DROWNED[0 if k == 0 else 2 if rows[0].kinks else 1]
        zeros = analytic == numeric == 0 and noise / size <= ZEROS
        drowned = noise / size > limit * problem.rtol and not zeros
        status = UNDECIDED if drowned else PASSED if error <= tolerance else UNDECIDED if kinks else FAILED
        first = rows[0].kinks if rows else kinks
        rows.append(
            Row(name, analytic, numeric, error, tolerance, first, status, step, problem.method, kinks)
        )
        if status == PASSED:
            return rows[-1]
        if drowned:
            break
    wrong = [row for row in rows if row.status == FAILED]
    if wrong:
        return min(wrong, key=lambda row: row.error if math.isfinite(row.error) else math.inf)
    return min(rows, key=lambda row: row.kinks_left or math.inf)


def _units(gradients: Mapping[str, Array], arrays: Mapping[str, Array]) -> dict[str, float]:
    """Return the unit of a step for each array."""
    sizes = {n: float(np.sqrt(np.mean(np.square(arrays[n])))) if arrays[n].size else 0.0 for n in gradients}
    norms = {n: float(np.linalg.norm(gradient)) for n, gradient in gradients.items()}
    changes = [norms[n] * size for n, size in sizes.items() if size and 0 < norms[n] < math.inf]
    middle = float(np.median(changes)) if changes else 0.0
    zeros = {n: middle / norm if middle and 0 < norm < math.inf else 1.0 for n, norm in norms.items()}
    return {n: size or min(1.0, zeros[n]) for n, size in sizes.items()}


def _typical(gradient: Array, direction: Array) -> float:
    """Return the root mean square of <gradient, d> over random d of this norm."""
    norms = float(np.linalg.norm(gradient)) * float(np.linalg.norm(direction))
    return norms / math.sqrt(max(gradient.size, 1))


def _check_method(where: str, method: str, tangent: Derivative | None) -> None:
    """Check the method, and that "jvp" has a tangent."""
    _check.choice(where, "method", method, STEP)
    if (tangent is not None) != (method == "jvp"):
        problem = f"method is {method!r} and tangent is {tangent!r:.60}"
        _check.fail(where, problem, "method 'jvp' with a tangent, or neither", error=TypeError)


def _check_arrays(where: str, gradients: Mapping[str, Array], arrays: Mapping[str, Array]) -> None:
    """Check that each gradient has the shape of its array, and that all are float64."""
    because = "because float32 loses a difference in rounding"
    for name, gradient in gradients.items():
        _check.choice(where, "the name of a gradient", name, arrays)
        for label, value in ((name, arrays[name]), (f"the gradient of {name}", gradient)):
            kind = getattr(value, "dtype", type(value).__name__)
            if kind != np.float64:
                _check.fail(where, f"{label} has dtype {kind}", "float64", because)
            if isinstance(value, np.ndarray):
                _check.plain(where, label, value)
        shape = arrays[name].shape
        _check.shape(where, f"the gradient of {name}", gradient, shape, f"to match {name} with shape {shape}")
