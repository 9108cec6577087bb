"""What has to be right before its time is taken: comparison of a candidate's arrays with the reference's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

# Largest error over the largest entry of the reference's array, which is computed in float64. Sums over the thousands
# of rows that are compared stay below it, in any order.
TOLERANCE = {"float32": 2e-5, "float64": 1e-9}


class WrongResult(Exception):
    """A candidate differs from the reference; the message says where, by how much, and what was tolerated."""


@dataclass(frozen=True)
class Agreement:
    """A comparison that passed: the largest error of an array, what was tolerated, and over how many steps."""

    error: float
    tolerance: float
    steps: int
    arrays: tuple[str, ...]


def compare(
    where: str, steps: int, expected: Mapping[str, np.ndarray], actual: Mapping[str, np.ndarray]
) -> Agreement:
    """Compare arrays by name; WrongResult names the first that is off, its worst element and both values."""
    errors, tolerances = [0.0], []
    for name, right in expected.items():
        if name not in actual:
            raise WrongResult(f"{where}: no {name} came back, expected it beside {', '.join(actual)}")
        found = np.asarray(actual[name])
        if found.shape != right.shape or found.dtype.name not in TOLERANCE:
            raise WrongResult(
                f"{where}: {name} has shape {found.shape} and dtype {found.dtype}, expected {right.shape} and a float"
            )
        tolerance = TOLERANCE[found.dtype.name]
        off = np.abs(found.astype(np.float64) - right)
        error = float(off.max(initial=0.0)) / (float(np.abs(right).max(initial=0.0)) or 1.0)
        if not error <= tolerance:
            place = tuple(int(i) for i in np.unravel_index(int(np.argmax(off)), off.shape))
            raise WrongResult(
                f"{where}: {name}{list(place)} is {found[place]}, expected {right[place]} as the reference has it "
                f"(error {error:.1e} of the largest entry, tolerated {tolerance:.0e})"
            )
        errors.append(error)
        tolerances.append(tolerance)
    return Agreement(max(errors), max(tolerances, default=0.0), steps, tuple(expected))
