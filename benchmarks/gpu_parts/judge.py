"""Calls a function of the backend "cuda", and compares all that it gives and changes with the reference in float64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from indrnn_np.ops.catalogue import Entry
from indrnn_np.ops.recurrence.activation import ACTIVATIONS

from .part import Part

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}  # of the largest entry of the reference's array


@dataclass
class Tally:
    """What was found for one function: calls, the largest error, gates that differ, calls that were wrong."""

    calls: int = 0
    error: float = 0.0
    gates: int = 0
    wrong: int = 0


class Judge:
    """One dtype's calls, counted by function. The reference gets the numbers that the GPU gets, in float64."""

    def __init__(self, part: Part, dtype: str) -> None:
        self.part, self.dtype = part, dtype
        self.tallies: dict[str, Tally] = {}

    def right(self, entry: Entry, given: dict[str, Any]) -> tuple[list[np.ndarray], dict[str, Any]]:
        """Return the results of the reference, and the arguments as it leaves them."""
        exact = {key: _copy(value, entry.exact) for key, value in given.items()}
        return _arrays(entry.reference()(**exact)), exact

    def calls(
        self, name: str, entry: Entry, fast: Callable[..., Any], told: str, given: dict[str, Any],
        right: tuple[list[np.ndarray], dict[str, Any]],
    ) -> list[np.ndarray]:  # fmt: skip
        """Call `fast`, which takes and returns NumPy arrays, compare it with the reference, and return its results.

        A unit of a rectifier that rounding carried over the kink is within the tolerance of 0 on both sides, so that a
        difference of gates is counted and is no error of its own.
        """
        found, (results, exact) = _arrays(fast(**given)), right
        pairs = list(zip(found, results, strict=True))
        activation = ACTIVATIONS.get(given.get("activation", ""))
        if activation is not None and activation.rectified and entry.forward is None:
            self._tally(name).gates += int(np.count_nonzero((pairs[0][0] > 0) != (pairs[0][1] > 0)))
        pairs += [(given[key], exact[key]) for key in given if isinstance(given[key], np.ndarray)]
        shape = next((value.shape for value in given.values() if isinstance(value, np.ndarray)), ())
        told = f"{told} {shape}".strip()
        for pair in pairs if entry.exact else ():
            self.same_bits(name, told, *pair)
        if not entry.exact:
            self.compare(name, told, *pairs)
        return found

    def compare(self, name: str, told: str, *pairs: tuple[np.ndarray, np.ndarray]) -> None:
        """Compare arrays of the GPU with right ones, in this order."""
        tally = self._tally(name)
        tally.calls += 1
        for number, (found, right) in enumerate(pairs):
            error, place = off(np.asarray(found), np.asarray(right))
            tally.error = max(tally.error, error)
            if not error <= TOLERANCE[self.dtype]:
                tally.wrong += 1
                self.part.fail(f"{name}, {self.dtype}, {told}: array {number}{place}")

    def same_bits(self, name: str, told: str, found: Any, right: Any) -> None:
        """Compare arrays bit for bit."""
        tally = self._tally(name)
        tally.calls += 1
        found, right = np.asarray(found), np.asarray(right)
        if (found.shape, found.dtype) != (right.shape, right.dtype) or found.tobytes() != right.tobytes():
            tally.wrong += 1
            differ = int(np.count_nonzero(found != right)) if found.shape == right.shape else "all"
            self.part.fail(f"{name}, {self.dtype}, {told}: {differ} of {right.size} elements differ")

    def write(self) -> None:
        """A table of all functions."""
        header = ("function", "calls", "largest error", "tolerated", "gates that differ", "")
        table = self.part.table(f"Compared with the reference, {self.dtype}", *header)
        for name, tally in sorted(self.tallies.items()):
            table.row(
                name, tally.calls, f"{tally.error:.1e}", f"{TOLERANCE[self.dtype]:.0e}", tally.gates or "-",
                f"{tally.wrong} WRONG" if tally.wrong else "ok", **vars(tally),
            )  # fmt: skip

    def _tally(self, name: str) -> Tally:
        return self.tallies.setdefault(name, Tally())


def off(found: np.ndarray, right: np.ndarray) -> tuple[float, str]:
    """The largest error over the largest entry, and words about the place; whole numbers must be equal.

    Where all entries are smaller than what the dtype holds with its whole precision, as gradients become that have
    come through many steps, the error is taken over the smallest number that it does.
    """
    if found.shape != right.shape:
        return np.inf, f" has shape {found.shape}, expected {right.shape}"
    if right.dtype.kind != "f":
        wrong = int(np.count_nonzero(found != right))
        return (np.inf if wrong else 0.0), f": {wrong} of {right.size} elements differ"
    with np.errstate(invalid="ignore"):
        away = np.abs(found.astype(np.float64) - right)
    if not away.size:
        return 0.0, ""
    kind = np.finfo(found.dtype)
    error = float(away.max()) / max(float(np.abs(right).max()), float(kind.tiny) / float(kind.eps))
    place = tuple(int(i) for i in np.unravel_index(int(np.argmax(away)), away.shape))
    words = f"{list(place)} is {found[place]!r}, expected {right[place]!r} (error {error:.1e} of the largest entry)"
    return (np.inf if np.isnan(error) else error), words


def _copy(value: Any, exact: bool) -> Any:
    """Copy an array, in float64 unless the bits will be compared; return any other value as it is."""
    if isinstance(value, np.ndarray):
        return value.astype(np.float64) if value.dtype.kind == "f" and not exact else value.copy()
    return value


def _arrays(result: Any) -> list[np.ndarray]:
    parts = result if isinstance(result, tuple) else (result,)
    return [np.asarray(part) for part in parts if part is not None]
