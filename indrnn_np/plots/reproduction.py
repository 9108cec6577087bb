"""Learning curves of rows with the points of the papers, a panel per table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from . import style

# Those of Okabe & Ito, and a grey.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#888888")
MARKERS = "osD^vPX"
LABELS = {
    "mse": "mean squared error", "accuracy": "error rate / %", "bits": "bits per character",
    "perplexity": "perplexity", "softmax_cross_entropy": "cross-entropy / nats",
}  # fmt: skip


def reproduction(entries: Sequence[dict[str, Any]], path: str | Path) -> Path:
    """Draw the entries of `reproduce.collect` into a PNG file.

    The mean over seeds is a line, their range a band, and the points of the paper are hollow
    markers of the same colour.
    """
    drawn = [entry for entry in entries if any(run["validation"] for run in entry["runs"])]
    if not drawn:
        raise ValueError("plots.reproduction: no run has a validation yet, expected at least one")
    tables: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for entry in drawn:
        tables.setdefault((entry["row"].split("/")[0], entry["form"]), []).append(entry)
    columns = min(2, len(tables))
    figure = style.empty(6.4 * columns, 4.2 * -(-len(tables) // columns))
    panels = style.tiles(figure, len(tables), columns)
    for axes, ((table, form), rows) in zip(panels, tables.items(), strict=True):
        _panel(axes, f"{table}, {form} form", rows)
    return style.save(figure, path)


def _panel(axes: Any, title: str, rows: Sequence[dict[str, Any]]) -> None:
    """Draw the rows of a table."""
    metric, end = "", 1
    for number, entry in enumerate(rows):
        color = COLORS[number % len(COLORS)]
        curves = [run["validation"] for run in entry["runs"] if run["validation"]]
        metric = entry["metric"] or next((name for name in LABELS if name in curves[0][0]), "mse")
        x, low, middle, high = _band(curves, metric)
        end = max(end, x[-1])
        model = entry["row"].split("/")[1]
        marker, label = "s" if len(x) < 12 else None, f"{model} ({len(curves)})"
        axes.plot(x, middle, color=color, linewidth=1.5, marker=marker, markersize=4, label=label)
        if len(curves) > 1:
            axes.fill_between(x, low, high, color=color, alpha=0.2, linewidth=0)
    for number, entry in enumerate(rows):
        points = {int(i): value for i, value in entry["paper's curve"].items() if int(i) <= 1.05 * end}
        axes.plot(list(points), [shown(v, metric) for v in points.values()], linestyle="", markersize=6,
                  marker=MARKERS[number % len(MARKERS)], color=COLORS[number % len(COLORS)], markerfacecolor="white",
                  label="paper" if points else None, zorder=4)  # fmt: skip
    baselines = {run.get("baseline") for entry in rows for run in entry["runs"]} - {None}
    for value in baselines:
        axes.axhline(shown(value, metric), color=style.GREY, linestyle="--", linewidth=1)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlim(0, 1.04 * end)
    if metric == "accuracy":
        style.percents(axes, [float(v) for line in axes.lines for v in line.get_ydata() if v == v])
    axes.set_xlabel("iteration (update of the parameters)")
    style.dress(axes, LABELS.get(metric, metric), title, size=11)
    axes.legend(frameon=False, fontsize=8, title="model (seeds)", title_fontsize=8)


def shown(value: float, metric: str) -> float:
    """Return a value to draw; accuracies become error rates in percent."""
    return 100 * (1 - value) if metric == "accuracy" else value


def _band(curves: Sequence[Any], metric: str) -> tuple[list[int], Any, Any, Any]:
    """Return the common iterations of all curves, with minimum, mean and maximum."""
    maps = [{line["iteration"]: line.get(metric) for line in curve} for curve in curves]
    x = sorted(set(maps[0]).intersection(*maps[1:])) or sorted(maps[0])
    values = np.array([[_number(m.get(i), metric) for i in x] for m in maps if set(x) <= set(m)])
    return x, values.min(axis=0), values.mean(axis=0), values.max(axis=0)


def _number(value: float | None, metric: str) -> float:
    number = np.nan if value is None else shown(value, metric)
    return number if number > 0 else np.nan  # a logarithmic axis has no 0
