"""Pictures of reproduced tables: learning curves and test results, with the numbers of the papers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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


def reproduction(entries: Sequence[dict[str, Any]], folder: str | Path) -> list[Path]:
    """Draw each table of `reproduce.collect` that has results into FOLDER/TABLE.png; return the files.

    On the left are the learning curves: the mean over seeds is a line, the range a band. On the
    right is the test result of each seed, with the mean as a line. Hollow markers of the same
    colour are the numbers of the paper.
    """
    tables: dict[str, list[dict[str, Any]]] = {}
    for entry in entries:
        form = "" if entry["form"] == "budget" else f"-{entry['form']}"
        tables.setdefault(entry["row"].split("/")[0] + form, []).append(entry)
    paths = []
    for name, rows in tables.items():
        if not (drawn := _panels(rows)):
            continue
        figure = style.empty(5.6 * len(drawn), 4.2)
        for axes, draw in zip(style.tiles(figure, len(drawn), len(drawn)), drawn, strict=True):
            draw(axes, name, rows)
        paths.append(style.save(figure, Path(folder) / f"{name}.png"))
    return paths


def _panels(rows: Sequence[dict[str, Any]]) -> list[Callable[..., None]]:
    """Return the functions that draw the panels of a table; it may lack curves or results."""
    curves = [_curves] if any(run["validation"] for row in rows for run in row["runs"]) else []
    return [*curves, _results] if any(row["reached"]["test"] for row in rows) else curves


def _curves(axes: Any, name: str, rows: Sequence[dict[str, Any]]) -> None:
    """Draw the validation curves of the rows of a table, and the points of the paper."""
    metric, end = "", 1
    for number, entry in enumerate(rows):
        color = COLORS[number % len(COLORS)]
        curves = [run["validation"] for run in entry["runs"] if run["validation"]]
        if not curves:
            continue
        metric = entry["metric"] or next((name for name in LABELS if name in curves[0][0]), "mse")
        x, low, middle, high = _band(curves, metric)
        end = max(end, x[-1])
        marker, label = "s" if len(x) < 12 else None, f"{_model(entry)} ({len(curves)})"
        axes.plot(x, middle, color=color, linewidth=1.5, marker=marker, markersize=4, label=label)
        if len(curves) > 1:
            axes.fill_between(x, low, high, color=color, alpha=0.2, linewidth=0)
    for number, entry in enumerate(rows):
        points = {int(i): value for i, value in entry["paper's curve"].items() if int(i) <= 1.05 * end}
        values = [shown(value, metric) for value in points.values()]
        _paper(axes, number, list(points), values)
    _baselines(axes, rows, metric)
    axes.set_xlim(0, 1.04 * end)
    axes.set_xlabel("iteration (update of the parameters)")
    _scale(axes, metric, f"{name}: validation")
    axes.legend(frameon=False, fontsize=8, title="model (seeds)", title_fontsize=8)


def _results(axes: Any, name: str, rows: Sequence[dict[str, Any]]) -> None:
    """Draw the test result of each seed, the mean of each row, and the number of the paper.

    The panel of curves has the baselines; without it, they are drawn here.
    """
    metric = next(row["metric"] for row in rows if row["reached"]["test"])
    for number, row in enumerate(rows):
        color, values = COLORS[number % len(COLORS)], [shown(v, metric) for v in row["reached"]["test"]]
        if not values:
            continue
        axes.plot([number] * len(values), values, "o", color=color, alpha=0.6, markersize=7)
        axes.hlines(np.mean(values), number - 0.25, number + 0.25, color=color, linewidth=2)
        if row["paper"] is not None:
            _paper(axes, number, [number], [shown(row["paper"], metric)])
    if _panels(rows) == [_results]:
        _baselines(axes, rows, metric)
    axes.set_xlim(-0.6, len(rows) - 0.4)
    turned = {"rotation": 30, "ha": "right"} if len(rows) > 4 else {}
    axes.set_xticks(range(len(rows)), [_model(row) for row in rows], **turned)
    _scale(axes, metric, f"{name}: test, each seed")


def _model(row: dict[str, Any]) -> str:
    return row["row"].split("/")[1]


def _paper(axes: Any, number: int, x: list[int], values: list[float]) -> None:
    """Draw numbers of the paper in the colour of row `number`."""
    axes.plot(x, values, linestyle="", marker=MARKERS[number % len(MARKERS)], color=COLORS[number % len(COLORS)],
              markersize=6, markerfacecolor="white", label="paper" if x else None, zorder=4)  # fmt: skip


def _baselines(axes: Any, rows: Sequence[dict[str, Any]], metric: str) -> None:
    """Draw the values of a guess without the inputs."""
    for value in {run.get("baseline") for entry in rows for run in entry["runs"]} - {None}:
        axes.axhline(shown(value, metric), color=style.GREY, linestyle="--", linewidth=1)


def _scale(axes: Any, metric: str, title: str) -> None:
    """Label the y axis, logarithmic if all values are positive."""
    values = [float(v) for line in axes.lines for v in line.get_ydata() if v == v]
    if values and min(values) > 0:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        if metric == "accuracy":
            style.percents(axes, values)
        elif max(values) < 10 * min(values):
            axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g}")
    style.dress(axes, LABELS.get(metric, metric), title, size=11)


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
