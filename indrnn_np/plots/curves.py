"""The learning curve of one run, with the paper's points."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .. import published
from ..training.metrics import DERIVED
from ..training.run_directory import RunDirectory, read_metrics
from . import style
from .style import BLUE, GREEN, GREY, ORANGE, Lines

LABELS = {"mse": "mean squared error", "bits": "bits a character"}
LINEAR = ("bits",)  # a logarithm already


def learning_curve(run: str | Path, path: str | Path) -> Path:
    """Draw loss and validation metric of a run over its iterations, with the paper's points, into a PNG file."""
    path = Path(path)
    curve(run).savefig(path)
    return path


def curve(run: str | Path) -> Any:
    """The same as a Figure."""
    directory = RunDirectory(run)
    metrics = read_metrics(directory.metrics)
    summary = json.loads(directory.summary.read_text(encoding="utf-8"))
    figure = style.empty(7.2, 4.5)
    if summary["metric"] == "accuracy":
        _accuracy(figure, metrics, summary)
    else:
        _error(figure.subplots(), metrics, summary)
    return figure


def _series(metrics: Lines, kind: str, name: str) -> tuple[list[int], list[float]]:
    """Return iterations and values of one metric; values that were not finite are null in the file and left out."""
    found = [line for line in metrics if line["kind"] == kind and line.get(name) is not None]
    return [line["iteration"] for line in found], [line[name] for line in found]


def _end(axes: Any, metrics: Lines) -> int:
    """Let the x axis end a little after the run, and return where."""
    last = max((line["iteration"] for line in metrics), default=1)
    axes.set_xlim(0, last * 1.04)
    axes.set_xlabel("iteration (update of the parameters)")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if last >= 10_000 else f"{value:.0f}")
    return round(last * 1.04)


def _error(axes: Any, metrics: Lines, summary: dict[str, Any]) -> None:
    """One panel: the error in training and validation, the blind guess, the paper's points."""
    task, name = summary["task"], summary["metric"] if summary["metric"] in DERIVED else summary["loss"]
    axes.set_yscale("linear" if name in LINEAR else "log")
    axes.plot(*_series(metrics, "train", name), color=BLUE, linewidth=1.1, alpha=0.75,
              label="training, mean since the last line")  # fmt: skip
    axes.plot(*_series(metrics, "validation", name), color=ORANGE, linewidth=1.6, label="validation, fresh sequences"
              if task["task"] == "adding" else "validation")  # fmt: skip
    end = _end(axes, metrics)
    if summary["baseline"] is not None:
        axes.axhline(summary["baseline"], color=GREY, linestyle="--", linewidth=1)
        axes.annotate(f"blind guess {summary['baseline']:.3f}", (1, summary["baseline"]),
                      xycoords=("axes fraction", "data"), xytext=(0, 3), textcoords="offset points", ha="right",
                      color=GREY, fontsize=8)  # fmt: skip
    known = published.ADDING.get(task.get("steps", 0), {}) if task["task"] == "adding" else {}
    points = {i: span for i, span in known.items() if i <= end}
    if points:
        middle = [(low * high) ** 0.5 for low, high in points.values()]
        lows, highs = zip(*points.values(), strict=True)
        # where the figure shows a noisy band
        axes.vlines(list(points), lows, highs, color=GREEN, linewidth=1.5, zorder=3)
        axes.plot(list(points), middle, "o", color=GREEN, markerfacecolor="white", markersize=6,
                  label="Li et al. 2018, read off figure 2", zorder=4)  # fmt: skip
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    if name in DERIVED:  # less than a power of ten: the ticks between have numbers too
        axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g}")
    style.dress(axes, LABELS.get(name, name))
    title = f"{task['task']}, {task['steps']} steps" if "steps" in task else task["task"]
    axes.set_title(title, loc="left", fontsize=11)
    axes.legend(frameon=False, fontsize=8, loc="best" if name in DERIVED else "lower left")


def _accuracy(figure: Any, metrics: Lines, summary: dict[str, Any]) -> None:
    """Two panels: the error rate in validation, and the training loss."""
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    iterations, accuracy = _series(metrics, "validation", "accuracy")
    task, batch = summary["task"], summary["plan"]["batch"]
    top.set_yscale("log")
    # none at all has no place on a logarithmic axis
    errors = [100 * (1 - a) if a < 1 else None for a in accuracy]
    top.plot(iterations, errors, color=ORANGE, marker="s", markersize=3.5, linewidth=1.6,
             label="validation")  # fmt: skip
    end = _end(bottom, metrics)
    network = published.COUNTS.get(summary.get("parameters", 0), "plain-6")
    known = published.MNIST.get(task["task"], {}).get(network, {})
    log = {epoch * published.EPOCH / batch: 100 - a for epoch, a in known.items()}
    points = {i: error for i, error in log.items() if i <= end}
    if points:
        top.plot(list(points), list(points.values()), "o", color=GREEN, markerfacecolor="white", markersize=6,
                 label=f"authors' log, {network}, validation", zorder=3)  # fmt: skip
    style.percents(top, [*points.values(), *(error for error in errors if error is not None)])
    style.dress(top, "error rate / %")
    top.set_title(f"{task['task']}, {task['steps']} steps, batch {batch}" if "steps" in task else task["task"],
                  loc="left", fontsize=11)  # fmt: skip
    top.legend(frameon=False, fontsize=8, loc="upper right")
    bottom.plot(*_series(metrics, "train", summary["loss"]), color=BLUE, linewidth=1.1)
    bottom.set_ylim(bottom=0)
    style.dress(bottom, "training loss / nats")
