"""Call functions of the backend "cuda", and compare results and changed arguments with the reference in float64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from indrnn_np.ops.catalogue import Entry
from indrnn_np.ops.recurrence.activation import ACTIVATIONS

from .fake_device import spend
from .part import Part, Table

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}  # of the largest entry of the reference's array


@dataclass
class Tally:
    """Results of one function: calls, the largest error, gates that differ, arrays that are wrong."""

    calls: int = 0
    error: float = 0.0
    gates: int = 0
    wrong: int = 0


class Judge:
    """Compare the calls of one dtype. The reference gets the numbers that the GPU gets, in float64.

    `write` adds the rows of the functions since the last call to a table.
    """

    def __init__(self, part: Part, dtype: str, title: str = "") -> None:
        self.part, self.dtype, self.title = part, dtype, title
        self.tallies: dict[str, Tally] = {}
        self._table: Table | None = None

    def expected(self, entry: Entry, arguments: dict[str, Any]) -> tuple[list[np.ndarray], dict[str, Any]]:
        """Return the results of the reference, and the arguments as it leaves them."""
        exact = {key: _copy(value, entry.exact) for key, value in arguments.items()}
        spend(self.part.clock, self.part.sizes.reference_seconds)
        return _arrays(entry.reference()(**exact)), exact

    def calls(
        self, name: str, entry: Entry, fast: Callable[..., Any], title: str, arguments: dict[str, Any],
        expected: tuple[list[np.ndarray], dict[str, Any]],
    ) -> list[np.ndarray]:  # fmt: skip
        """Call `fast`, which takes and returns NumPy arrays, compare it with the reference, and return its results.

        Rounding may carry a unit of a rectifier over its kink. Both values are then within the tolerance of 0, so gates
        that differ are counted and are no error.
        """
        results, exact = _arrays(fast(**arguments)), expected[1]
        pairs = list(zip(results, expected[0], strict=True))
        activation = ACTIVATIONS.get(arguments.get("activation", ""))
        if activation is not None and activation.rectified and entry.forward is None:
            self._tally(name).gates += int(np.count_nonzero((pairs[0][0] > 0) != (pairs[0][1] > 0)))
        pairs += [(arguments[key], exact[key]) for key in arguments if isinstance(arguments[key], np.ndarray)]
        shape = next((value.shape for value in arguments.values() if isinstance(value, np.ndarray)), ())
        title = f"{title} {shape}".strip()
        for pair in pairs if entry.exact else ():
            self.same_bits(name, title, *pair)
        if not entry.exact:
            self.compare(name, title, *pairs)
        return results

    def compare(self, name: str, title: str, *pairs: tuple[np.ndarray, np.ndarray]) -> None:
        """Compare pairs of an array of the GPU and its expected value."""
        tally = self._tally(name)
        tally.calls += 1
        for number, (result, expected) in enumerate(pairs):
            error, place = off(np.asarray(result), np.asarray(expected))
            tally.error = max(tally.error, error)
            if not error <= TOLERANCE[self.dtype]:
                tally.wrong += 1
                self.part.fail(f"{name}, {self.dtype}, {title}: array {number}{place}")

    def same_bits(self, name: str, title: str, result: Any, expected: Any) -> None:
        """Compare arrays bit for bit."""
        tally = self._tally(name)
        tally.calls += 1
        result, expected = np.asarray(result), np.asarray(expected)
        kinds = [(array.shape, array.dtype, array.tobytes()) for array in (result, expected)]
        if kinds[0] != kinds[1]:
            tally.wrong += 1
            differ = int(np.count_nonzero(result != expected)) if result.shape == expected.shape else "all"
            self.part.fail(f"{name}, {self.dtype}, {title}: {differ} of {expected.size} elements differ")

    def write(self) -> None:
        """Add a row for each function since the last call."""
        if self._table is None:
            header = ("function", "calls", "largest error", "tolerance", "gates that differ", "")
            self._table = self.part.table(f"Compared with the reference, {self.dtype}, {self.title}", *header)
        for name, tally in sorted(self.tallies.items()):
            self._table.row(
                name, tally.calls, f"{tally.error:.1e}", f"{TOLERANCE[self.dtype]:.0e}", tally.gates or "-",
                f"{tally.wrong} WRONG" if tally.wrong else "ok", dtype=self.dtype, **vars(tally),
            )  # fmt: skip
        self.tallies.clear()

    def _tally(self, name: str) -> Tally:
        return self.tallies.setdefault(name, Tally())


def off(result: np.ndarray, expected: np.ndarray) -> tuple[float, str]:
    """Return the largest error over the largest entry, and a text that names its place; integers must be equal.

    The largest entry counts as at least the smallest number that the dtype holds with its whole precision: gradients
    that have come through many time steps may be smaller.
    """
    if result.shape != expected.shape:
        return np.inf, f" has shape {result.shape}, expected {expected.shape}"
    if expected.dtype.kind != "f":
        wrong = int(np.count_nonzero(result != expected))
        return (np.inf if wrong else 0.0), f": {wrong} of {expected.size} elements differ"
    with np.errstate(invalid="ignore"):
        away = np.abs(result.astype(np.float64) - expected)
    if not away.size:
        return 0.0, ""
    kind = np.finfo(result.dtype)
    error = float(away.max()) / max(float(np.abs(expected).max()), float(kind.tiny) / float(kind.eps))
    place = tuple(int(i) for i in np.unravel_index(int(np.argmax(away)), away.shape))
    text = f"{list(place)} is {result[place]!r}, expected {expected[place]!r} (error {error:.1e} of the largest entry)"
    return (np.inf if np.isnan(error) else error), text


def _copy(value: Any, exact: bool) -> Any:
    """Copy an array, in float64 unless the bits will be compared; return any other value as it is."""
    if isinstance(value, np.ndarray):
        return value.astype(np.float64) if value.dtype.kind == "f" and not exact else value.copy()
    return value


def _arrays(result: Any) -> list[np.ndarray]:
    parts = result if isinstance(result, tuple) else (result,)
    return [np.asarray(part) for part in parts if part is not None]
