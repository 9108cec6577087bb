"""The learning curves of rows beside the papers' points: one panel for each table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from . import style

COLORS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#000000",
    "#888888",
)  # Okabe & Ito's, and a grey
MARKERS = "osD^vPX"
LABELS = {
    "mse": "mean squared error", "accuracy": "error rate / %", "bits": "bits a character", "perplexity": "perplexity",
    "softmax_cross_entropy": "cross-entropy / nats",
}  # fmt: skip


def reproduction(entries: Sequence[dict[str, Any]], path: str | Path) -> Path:
    """Draw what `reproduce.collect` found into a PNG file: the mean of the seeds as a line, their range as a band, the
    paper's points as hollow markers of the same colour.
    """
    drawn = [entry for entry in entries if any(run["validation"] for run in entry["runs"])]
    if not drawn:
        raise ValueError("plots.reproduction: no run has a validation yet, expected at least one")
    panels = list(dict.fromkeys((entry["row"].split("/")[0], entry["form"]) for entry in drawn))
    columns = min(2, len(panels))
    lines = -(-len(panels) // columns)
    figure = style.empty(6.4 * columns, 4.2 * lines)
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    for panel, (table, form) in zip(axes, panels, strict=False):
        rows = [entry for entry in drawn if (entry["row"].split("/")[0], entry["form"]) == (table, form)]
        _panel(panel, f"{table}, {form} form", rows)
    for panel in axes[len(panels) :]:
        panel.set_visible(False)
    figure.savefig(path)
    return Path(path)


def _panel(axes: Any, title: str, rows: Sequence[dict[str, Any]]) -> None:
    metric, end = "", 1
    for number, entry in enumerate(rows):
        color, curves = (
            COLORS[number % len(COLORS)],
            [run["validation"] for run in entry["runs"] if run["validation"]],
        )
        metric = entry["metric"] or next(name for name in LABELS if name in curves[0][0])
        x, low, middle, high = _band(curves, metric)
        end = max(end, x[-1])
        model = entry["row"].split("/")[1]
        few = "s" if len(x) < 12 else None
        axes.plot(
            x, middle, color=color, linewidth=1.5, marker=few, markersize=4, label=f"{model} ({len(curves)})"
        )
        if len(curves) > 1:
            axes.fill_between(x, low, high, color=color, alpha=0.2, linewidth=0)
    for number, entry in enumerate(rows):
        points = {int(i): value for i, value in entry["paper's curve"].items() if int(i) <= 1.05 * end}
        axes.plot(list(points), [_shown(v, metric) for v in points.values()], linestyle="", markersize=6,
                  marker=MARKERS[number % len(MARKERS)], color=COLORS[number % len(COLORS)], markerfacecolor="white",
                  label="the paper's" if points else None, zorder=4)  # fmt: skip
    baselines = {run.get("baseline") for entry in rows for run in entry["runs"]} - {None}
    for value in baselines:
        axes.axhline(_shown(value, metric), color=style.GREY, linestyle="--", linewidth=1)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlim(0, 1.04 * end)
    if metric == "accuracy":
        style.percents(axes, [float(v) for line in axes.lines for v in line.get_ydata() if v == v])
    axes.set_xlabel("iteration (update of the parameters)")
    axes.set_title(title, loc="left", fontsize=11)
    style.dress(axes, LABELS[metric])
    axes.legend(frameon=False, fontsize=8, title="model (seeds)", title_fontsize=8)


def _shown(value: float, metric: str) -> float:
    """A value as drawn: accuracies as error rates in percent."""
    return 100 * (1 - value) if metric == "accuracy" else value


def _band(curves: Sequence[Any], metric: str) -> tuple[list[int], Any, Any, Any]:
    """Iterations that all curves have, with lowest, mean and highest value; one that is not finite is NaN."""
    maps = [{line["iteration"]: line[metric] for line in curve} for curve in curves]
    x = sorted(set(maps[0]).intersection(*maps[1:])) or sorted(maps[0])
    values = np.array([[_number(m.get(i), metric) for i in x] for m in maps if set(x) <= set(m)])
    return x, values.min(axis=0), values.mean(axis=0), values.max(axis=0)


def _number(value: float | None, metric: str) -> float:
    shown = np.nan if value is None else _shown(value, metric)
    return shown if shown > 0 else np.nan  # zero has no place on a logarithmic axis
