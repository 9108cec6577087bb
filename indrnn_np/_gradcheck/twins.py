"""Comparison of a fast twin with the reference: the results of one call, array by array.

Errors are relative to the largest element of the reference's array. If gates of rectifiers differ,
rounding has moved a pre-activation over its kink, and a mismatch is undecided instead of failed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from .._types import Array
from ..ops.catalogue import Arguments, Draw, Entry
from .case import draw
from .hosted import Operations, hosted
from .report import FAILED, PASSED, UNDECIDED

TOLERANCE = {"float32": 2e-5, "float64": 1e-12}
REFERENCE = "reference"
Arrays = dict[str, Array]


@dataclass(frozen=True)
class Outcome:
    """Worst comparison of a check."""

    error: float
    tolerance: float
    kinks: int = 0
    status: str = PASSED
    detail: str = ""

    @property
    def badness(self) -> tuple[bool, bool, float]:
        """Sort key: failed outcomes, then undecided outcomes, then by error over tolerance."""
        ratio = self.error / self.tolerance
        return self.status == FAILED, self.status == UNDECIDED, np.inf if np.isnan(ratio) else ratio


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """Return the worst of several outcomes with the sum of their kinks."""
    variants = list(outcomes)
    first = max(variants, key=lambda outcome: outcome.badness)
    return replace(first, kinks=sum(outcome.kinks for outcome in variants))


def compare(
    entry: Entry, options: Arguments, backend: str, dtype: str, seed: int, sizes: Arguments
) -> Outcome:
    """Compare the results and changed arguments of a function with those of the reference."""
    expected, actual = (
        results(entry, options, hosted(name), dtype, seed, sizes) for name in (REFERENCE, backend)
    )
    kinks = int(np.count_nonzero(expected.pop("gates") != actual.pop("gates"))) if "gates" in expected else 0
    first = worst(compare_arrays(name, actual[name], expected[name], dtype, kinks) for name in expected)
    return replace(first, kinks=kinks)


def compare_arrays(name: str, actual: Array, expected: Array, dtype: str, kinks: int = 0) -> Outcome:
    """Compare one array; integers (bits) must be equal."""
    tolerance = TOLERANCE[dtype]
    if expected.dtype.kind != "f":
        wrong = int(np.count_nonzero(actual != expected))
        status = FAILED if wrong else PASSED
        return Outcome(float(wrong), tolerance, 0, status, f"{name}: {wrong} elements differ")
    off = np.abs(actual.astype(np.float64) - expected)
    error = float(off.max(initial=0.0)) / (float(np.abs(expected).max(initial=0.0)) or 1.0)
    if error <= tolerance and actual.dtype == expected.dtype:
        return Outcome(error, tolerance)
    place = tuple(int(i) for i in np.unravel_index(int(np.argmax(off)), off.shape))
    detail = f"{name}{list(place)}: {actual[place]} ({actual.dtype}), reference {expected[place]} ({expected.dtype})"
    return Outcome(error, tolerance, 0, UNDECIDED if kinks else FAILED, detail)


def results(
    entry: Entry, options: Arguments, ops: Operations, dtype: str, seed: int, sizes: Arguments
) -> Arrays:
    """Return results and changed arguments; of a pass its outputs, gates and gradients."""
    if not entry.gradients:
        arguments = entry.arguments(Draw(np.random.default_rng(seed), dtype, **sizes), **options)
        result = entry.function(ops)(**arguments)
        parts = result if isinstance(result, tuple) else (result,)
        arrays = {f"result {i}": np.asarray(part) for i, part in enumerate(parts) if part is not None}
        arrays |= {name: arguments[name] for name in entry.changes}
        return {name: _bits(array) for name, array in arrays.items()} if entry.exact else arrays
    case = draw(entry.op, seed, dtype, **options, **sizes)
    outputs, tape = case.forward(ops, case.arrays)
    weights = {n: w.astype(dtype) for n, w in case.cotangents(outputs, seed).items()}
    gradients = case.backward(ops, tape, weights)
    arrays = {f"gradient of {n}": np.asarray(g) for n, g in gradients.items()}
    arrays |= {f"output of {n}": y for n, y in outputs.items()}
    return arrays | ({"gates": next(iter(outputs.values())) > 0} if case.rectified else {})


def _bits(array: Array) -> Array:
    """Return floating-point numbers as unsigned integers for comparison bit for bit."""
    return array.view(f"u{array.itemsize}") if array.dtype.kind == "f" else array
