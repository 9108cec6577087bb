"""Numbers of several runs as the cells of a table: mean, range and unit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from .._types import Json

# Entries of a run's summary that tables of runs keep.
KEPT = ("ended", "iterations", "parameters", "final", "best", "baseline", "metric", "machine", "versions")
UNITS = {"accuracy": "%", "softmax_cross_entropy": "nats", "mse": "", "bits": "bits", "perplexity": ""}


def kept(summary: Json) -> Json:
    """Return the entries of a run's summary that a table keeps, with its minutes and its batch size."""
    entries = {name: summary[name] for name in KEPT}
    return entries | {"minutes": summary["seconds"] / 60, "batch": summary["plan"]["batch"]}


def final(runs: Iterable[Json], split: str) -> list[float]:
    """Return the final metric of each run on a split, without runs that have none."""
    values = (run["final"].get(split, {}).get(run["metric"]) for run in runs)
    return [value for value in values if value is not None]


def machine(machine: Json) -> str:
    """Return the processor and the threads of a run."""
    threads = machine["threads"]
    return f"{machine['cpu']}, {threads} thread{'s' if threads > 1 else ''}"


def value(value: float | None, metric: str | None) -> str:
    """Return a value with its unit; accuracies are in percent."""
    if value is None:
        return ""
    if metric == "accuracy":
        return f"{100 * value:.2f} %"
    return f"{value:.4g} {UNITS.get(metric or '', '')}".strip()


def spread(values: Sequence[float], metric: str | None) -> str:
    """Return the mean and, of several values, the range, with the unit."""
    if not values:
        return ""
    mean, low, high = (value(float(f(values)), metric) for f in (np.mean, np.min, np.max))
    return mean if len(values) == 1 else f"{mean} ({low} to {high})"


def extent(values: Sequence[float], form: Callable[[float], str]) -> str:
    """Return the smallest and the largest value as text, or the only one."""
    return " to ".join(dict.fromkeys(form(value) for value in (min(values), max(values)))) if values else ""


def varied(entries: Sequence[Json]) -> list[str]:
    """Return the settings that have more than one value among the entries of a sweep."""
    first = entries[0]["settings"]
    return [name for name in first if any(entry["settings"][name] != first[name] for entry in entries)]


def text(value: object) -> str:
    """Return the value of a setting as text."""
    return f"{value:g}" if isinstance(value, float) else str(value)
