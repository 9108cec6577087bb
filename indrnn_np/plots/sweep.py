"""Metric of a sweep against a setting: mean and range over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._sweep import cells
from . import style
from .reproduction import COLORS, LABELS, MARKERS, shown

WIDE = 20.0  # ratio of the largest to the smallest value from which an axis is logarithmic


def sweep(entries: Sequence[dict[str, Any]]) -> Any:
    """Draw the entries of a `Sweep`: the final validation metric of each combination, or the test metric.

    The number with most values is the x axis. Each combination of the other settings is a line; its
    bars reach from the lowest to the highest seed.
    """
    split = "validation" if any(entry["reached"]["validation"] for entry in entries) else "test"
    drawn = [entry for entry in entries if entry["reached"][split]]
    if not drawn:
        raise ValueError("plots.sweep: no run has a final metric, expected at least one")
    metric = drawn[0]["metric"]
    figure = style.empty(7.2, 4.5)
    axes, name = figure.subplots(), _numeric(entries)
    others = [other for other in cells.varied(entries) if other != name]
    lines: dict[str, list[tuple[Any, list[float]]]] = {}
    for entry in drawn:
        label = ", ".join(f"{other} = {cells.text(entry['settings'][other])}" for other in others)
        values = [shown(value, metric) for value in entry["reached"][split]]
        x, label = (entry["settings"][name], label) if name else (label or "all runs", "")
        lines.setdefault(label, []).append((x, values))
    for number, (label, points) in enumerate(lines.items()):
        _line(axes, number, label, points, joined=name is not None)
    _scales(axes, lines, name)
    baseline = drawn[0]["baseline"]
    if baseline is not None:
        axes.axhline(
            shown(baseline, metric), color=style.GREY, linestyle="--", linewidth=1, label="blind guess"
        )
    style.dress(axes, f"{split}: {LABELS.get(metric, metric)}", _title(entries), size=11)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(frameon=False, fontsize=8)
    return figure


def _line(axes: Any, number: int, label: str, points: list[tuple[Any, list[float]]], joined: bool) -> None:
    """Draw the means of one combination, and the ranges as bars."""
    points = sorted(points) if joined else points
    x, means = [point[0] for point in points], np.array([np.mean(point[1]) for point in points])
    low, high = (np.array([function(point[1]) for point in points]) for function in (np.min, np.max))
    axes.errorbar(
        x, means, [means - low, high - means], label=label or None, color=COLORS[number % len(COLORS)],
        marker=MARKERS[number % len(MARKERS)], markersize=5, linewidth=1.5 if joined else 0, elinewidth=1.2, capsize=3,
    )  # fmt: skip


def _scales(axes: Any, lines: dict[str, list[tuple[Any, list[float]]]], name: str | None) -> None:
    """Label the x axis, and use logarithmic axes for wide ranges of positive numbers."""
    axes.set_xlabel(name or "settings")
    values = [value for points in lines.values() for _, each in points for value in each]
    if _is_wide(values):
        axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    places = sorted({x for points in lines.values() for x, _ in points}) if name else []
    if _is_wide(places):
        axes.set_xscale("log")
    if name and len(places) <= 8:
        axes.set_xticks(places, [f"{place:g}" for place in places])
        axes.set_xticks([], minor=True)


def _is_wide(values: Sequence[float]) -> bool:
    return bool(values) and min(values) > 0 and max(values) >= WIDE * min(values)


def _numeric(entries: Sequence[dict[str, Any]]) -> str | None:
    """Return the setting with most values that is a number, None without one."""
    kinds = {name: {entry["settings"][name] for entry in entries} for name in cells.varied(entries)}
    numbers = [name for name, values in kinds.items() if all(type(value) in (int, float) for value in values)]
    return max(numbers, key=lambda name: len(kinds[name]), default=None)


def _title(entries: Sequence[dict[str, Any]]) -> str:
    """Return the number of runs, and of those that have not finished."""
    runs = [run for entry in entries for run in entry["runs"]]
    left = sum(run["state"] != "finished" for run in runs)
    return f"{len(runs)} runs, mean and range over seeds" + (f"; {left} without a result" if left else "")
