"""Learning curve of a run, with published points."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..reproduce import published
from ..training.metrics import DERIVED
from ..training.records import read_metrics, read_summary
from ..training.run_directory import RunDirectory
from . import style
from .style import BLUE, GREEN, GREY, ORANGE, Lines

LABELS = {
    "mse": "mean squared error",
    "bits": "bits per character",
    "softmax_cross_entropy": "cross-entropy / nats",
}
LINEAR = ("bits",)  # metrics that are logarithms, on a linear axis


def learning_curve(run: str | Path, path: str | Path) -> Path:
    """Draw the learning curve of a run, with published points, into a PNG file."""
    return style.save(curve(run), path)


def curve(run: str | Path) -> Any:
    """Return the learning curve as a Figure."""
    directory = RunDirectory(run)
    return figure(read_metrics(directory.metrics), read_summary(directory.summary))


def figure(metrics: Lines, summary: dict[str, Any]) -> Any:
    """Return the Figure of lines of metrics.jsonl and a summary; training may be absent."""
    result = style.empty(7.2, 4.5)
    if summary["metric"] == "accuracy" and _series(metrics, "validation", "accuracy")[0]:
        _accuracy(result, metrics, summary)
    else:
        _error(result.subplots(), metrics, summary)
    return result


def _series(metrics: Lines, kind: str, name: str) -> tuple[list[int], list[float]]:
    """Return iterations and values of one metric, without values that were not finite (null)."""
    lines = [line for line in metrics if line["kind"] == kind and line.get(name) is not None]
    return [line["iteration"] for line in lines], [line[name] for line in lines]


def _end(axes: Any, metrics: Lines) -> int:
    """Set the x axis to end a little after the run, and return its end."""
    last = max((line["iteration"] for line in metrics), default=1)
    axes.set_xlim(0, last * 1.04)
    axes.set_xlabel("iteration (update of the parameters)")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if last >= 10_000 else f"{value:.0f}")
    return round(last * 1.04)


def _error(axes: Any, metrics: Lines, summary: dict[str, Any]) -> None:
    """Draw one panel: training and validation error, the blind guess and published points."""
    task, name = summary["task"], summary["metric"] if summary["metric"] in DERIVED else summary["loss"]
    axes.set_yscale("linear" if name in LINEAR else "log")
    training = _series(metrics, "train", name)
    if training[0]:
        label = "training, mean since the last line"
        axes.plot(*training, color=BLUE, linewidth=1.1, alpha=0.75, label=label)
    label = "validation, new sequences" if task["task"] == "adding" else "validation"
    validation = _series(metrics, "validation", name)
    if validation[0] or not training[0]:
        axes.plot(*validation, color=ORANGE, linewidth=1.6, label=label)
    end = _end(axes, metrics)
    if summary["baseline"] is not None and name == summary["metric"]:
        axes.axhline(summary["baseline"], color=GREY, linestyle="--", linewidth=1)
        axes.annotate(f"blind guess {summary['baseline']:.3f}", (1, summary["baseline"]),
                      xycoords=("axes fraction", "data"), xytext=(0, 3), textcoords="offset points", ha="right",
                      color=GREY, fontsize=8)  # fmt: skip
    known = published.ADDING.get(task.get("steps", 0), {}) if task["task"] == "adding" else {}
    points = {i: span for i, span in known.items() if i <= end}
    if points:
        middle = [(low * high) ** 0.5 for low, high in points.values()]
        lows, highs = zip(*points.values(), strict=True)
        axes.vlines(list(points), lows, highs, color=GREEN, linewidth=1.5, zorder=3)  # bands of noise
        axes.plot(list(points), middle, "o", color=GREEN, markerfacecolor="white", markersize=6,
                  label="Li et al. 2018, read off figure 2", zorder=4)  # fmt: skip
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    low, high = axes.get_ylim()
    if high < 10 * low:  # less than a power of ten, so minor ticks need numbers
        axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g}")
    title = f"{task['task']}, {task['steps']} steps" if "steps" in task else task["task"]
    style.dress(axes, LABELS.get(name, name), title, size=11)
    axes.legend(frameon=False, fontsize=8, loc="best" if name in DERIVED else "lower left")


def _accuracy(figure: Any, metrics: Lines, summary: dict[str, Any]) -> None:
    """Draw the validation error rate and, if present, the training loss in a second panel."""
    training = _series(metrics, "train", summary["loss"])
    panels = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2]) if training[0] else [figure.subplots()]
    top, bottom = panels[0], panels[-1]
    iterations, accuracy = _series(metrics, "validation", "accuracy")
    task, batch = summary["task"], summary["plan"]["batch"]
    top.set_yscale("log")
    errors = [100 * (1 - a) if a < 1 else None for a in accuracy]  # a logarithmic axis has no 0
    top.plot(iterations, errors, color=ORANGE, marker="s", markersize=3.5, linewidth=1.6, label="validation",
             clip_on=False)  # fmt: skip
    end = _end(bottom, metrics)
    network = published.COUNTS.get(summary.get("parameters", 0), "plain-6")
    known = published.MNIST.get(task["task"], {}).get(network, {})
    log = {epoch * published.EPOCH / batch: 100 - a for epoch, a in known.items()}
    points = {i: error for i, error in log.items() if i <= end}
    if points:
        top.plot(list(points), list(points.values()), "o", color=GREEN, markerfacecolor="white", markersize=6,
                 label=f"authors' log, {network}, validation", zorder=3)  # fmt: skip
    style.percents(top, [*points.values(), *(error for error in errors if error is not None)])
    title = f"{task['task']}, {task['steps']} steps, batch {batch}" if "steps" in task else task["task"]
    style.dress(top, "error rate / %", title, size=11)
    top.legend(frameon=False, fontsize=8, loc="upper right")
    if training[0]:
        bottom.plot(*training, color=BLUE, linewidth=1.1)
        bottom.set_ylim(bottom=0)
        style.dress(bottom, "training loss / nats")
