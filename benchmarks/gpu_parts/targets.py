"""The project's targets on a GPU, with the values of this run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Row = dict[str, Any]
LSTM_FACTORS = {256: 6, 512: 11, 1024: 20}  # a layer at (T, 32, 128, 128) against cuDNN's LSTM
ERRORS = {"float32": 1e-5, "float64": 1e-12}
SHARE = 0.85  # of the DRAM copy rate
FACTOR = 3  # few columns: the chosen form against 8 steps ahead
WIDE, FEW = [1024, 256, 1024], ([1024, 32, 128], [5000, 50, 128])
SCANS = {(65_536, 1, 256): 5, (1_000_000, 1, 1024): 2}  # forward of relu against the serial recurrence
SCAN_SHARE = 0.8  # of the copy rate, by a scan in three launches with 3 words an element
ITERATION_MS = 3
ADDING, MNIST = 0.002, 0.985


def targets(parts: list[dict[str, Any]]) -> Iterator[tuple[str, str, str, str]]:
    """Yield (target, expected, measured, verdict); a target that was not measured is "not run"."""
    for dtype, tolerance in ERRORS.items():
        errors = [row["error"] for row in rows(parts, "small_checks", "checks") if row.get("dtype") == dtype]
        yield at_most(f"every kernel, {dtype}", max(errors, default=None), tolerance, "{:.1e}")
    for name in ("forward", "backward"):
        share = value(
            parts, "recurrence", "share_of_copy", shape=WIDE, what=name, form="chosen", cache="cold"
        )
        yield at_least(f"recurrence {name} at {WIDE}, share of the copy rate", share, SHARE, "{:.0%}")
    for shape in FEW:
        for name in ("forward", "backward"):
            chosen, eight = (
                value(parts, "recurrence", "seconds", shape=shape, what=name, form=form, cache="cold")
                for form in ("chosen", "8 ahead")
            )
            factor = eight / chosen if eight and chosen else None
            yield at_least(
                f"recurrence {name} at {shape}, cold, against 8 ahead", factor, FACTOR, "{:.2f} times"
            )
    for shape, least in SCANS.items():
        wanted = {"shape": list(shape), "what": "forward", "activation": "relu"}
        for form in ("three launches", "single pass"):
            factor = value(parts, "scan", "factor", form=form, **wanted)
            name = f"scan forward at {shape}, {form}, against the serial recurrence"
            yield at_least(name, factor, least, "{:.2f} times")
        share = value(parts, "scan", "share_of_copy", form="three launches", **wanted)
    yield at_least(
        f"scan forward at {shape}, three launches, share of the copy rate", share, SCAN_SHARE, "{:.0%}"
    )
    for T, least in LSTM_FACTORS.items():
        own, other = fastest(parts, "layers", T), fastest(parts, "lstm", T)
        factor = other / own if own and other else None
        yield at_least(f"layer at ({T}, 32, 128, 128) against cuDNN's LSTM", factor, least, "{:.1f} times")
    ms = value(parts, "graphs", "ms", network="6 x 128", how="graphs")
    yield at_most("MNIST 6 x 128, an iteration as graphs", ms, ITERATION_MS, "{:.3g} ms")
    error = min((row["test"] for row in rows(parts, "adding") if "test" in row), default=None)
    yield at_most("adding, T = 5000, in 2 minutes, test mse", error, ADDING, "{:.5f}")
    accuracy = max((row["accuracy"] for row in rows(parts, "mnist") if "accuracy" in row), default=None)
    yield at_least("sequential MNIST, in 3 minutes, test accuracy", accuracy, MNIST, "{:.2%}")


def at_most(name: str, measured: Any, limit: float, form: str) -> tuple[str, str, str, str]:
    """Return the cells of a target that is an upper limit."""
    return cells(
        name, f"at most {form.format(limit)}", measured, form, measured is not None and measured <= limit
    )


def at_least(name: str, measured: Any, limit: float, form: str) -> tuple[str, str, str, str]:
    """Return the cells of a target that is a lower limit."""
    return cells(
        name, f"at least {form.format(limit)}", measured, form, measured is not None and measured >= limit
    )


def cells(name: str, expected: str, measured: Any, form: str, reached: bool) -> tuple[str, str, str, str]:
    """Return the cells of a target."""
    if measured is None:
        return name, expected, "-", "not run"
    return name, expected, form.format(measured), "reached" if reached else "**missed**"


def rows(parts: list[dict[str, Any]], *names: str) -> Iterator[Row]:
    """Yield all rows of parts."""
    for part in parts:
        if part["part"] in names:
            for table in part["tables"]:
                yield from table["rows"]


def value(parts: list[dict[str, Any]], name: str, key: str, **conditions: Any) -> Any:
    """Return a value of the first row of a part that fulfils the conditions; None without such a row."""
    for row in rows(parts, name):
        if key in row and all(row.get(k) == wanted for k, wanted in conditions.items()):
            return row[key]
    return None


def fastest(parts: list[dict[str, Any]], name: str, T: int) -> float | None:
    """Return the seconds of the fastest float32 row of a layer of T steps."""
    seconds = [
        row["seconds"] for row in rows(parts, name) if row.get("shape", [0])[0] == T and not row.get("tf32")
    ]
    return min(seconds, default=None)
