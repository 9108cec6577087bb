"""Comparison of the arrays of a candidate with those of the reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .._types import Array

# Largest accepted error, relative to the largest element of the float64 reference: rounding of sums over
# thousands of rows in any order.
TOLERANCE = {"float32": 2e-5, "float64": 1e-9}


class WrongResult(Exception):
    """Error for a candidate that differs from the reference; names the element, its error and the tolerance."""


@dataclass(frozen=True)
class Agreement:
    """Passed comparison: largest error, tolerance, number of time steps, and names of the arrays."""

    error: float
    tolerance: float
    steps: int
    arrays: tuple[str, ...]


def compare(where: str, steps: int, expected: Mapping[str, Array], actual: Mapping[str, Array]) -> Agreement:
    """Compare arrays by name; raise WrongResult for the first that differs, with its worst element."""
    errors, tolerances = [0.0], []
    for name, right in expected.items():
        if name not in actual:
            raise WrongResult(f"{where}: {name} is missing, expected it with {', '.join(actual)}")
        array = np.asarray(actual[name])
        if array.shape != right.shape or array.dtype.name not in TOLERANCE:
            problem = f"{name} has shape {array.shape} and dtype {array.dtype}"
            raise WrongResult(f"{where}: {problem}, expected {right.shape} and a float")
        tolerance = TOLERANCE[array.dtype.name]
        off = np.abs(array.astype(np.float64) - right)
        error = float(off.max(initial=0.0)) / (float(np.abs(right).max(initial=0.0)) or 1.0)
        if not error <= tolerance:
            place = tuple(int(i) for i in np.unravel_index(int(np.argmax(off)), off.shape))
            problem = f"{name}{list(place)} is {array[place]}, expected {right[place]} as in the reference"
            size = f"(error {error:.1e} of the largest element, tolerance {tolerance:.0e})"
            raise WrongResult(f"{where}: {problem} {size}")
        errors.append(error)
        tolerances.append(tolerance)
    return Agreement(max(errors), max(tolerances, default=0.0), steps, tuple(expected))
