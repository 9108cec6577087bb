"""Draws what training wrote. The only file that imports matplotlib, when something is drawn, without a display.

Reference points are read off the papers' figures and the authors' logs: Li et al. 2018, arXiv:1803.04831, figure 2
(adding); the training logs beside the authors' PyTorch code (sequential MNIST, six layers, validation with batch
statistics).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .training.run_directory import RunDirectory, read_metrics

# Okabe & Ito's colours, which colour-blind people tell apart; shapes and line styles differ too.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"

# {T: {iteration: (lowest, highest) mean squared error}}
ADDING: dict[int, dict[int, tuple[float, float]]] = {
    100: {1000: (0.07, 0.07), 2000: (0.005, 0.005), 3000: (0.001, 0.001)},
    500: {1000: (0.04, 0.04), 2000: (0.01, 0.01), 3000: (0.0035, 0.0035), 5000: (0.0015, 0.0015)},
    1000: {1000: (0.07, 0.07), 2000: (0.02, 0.02), 3000: (0.01, 0.01), 5000: (0.004, 0.017), 10_000: (0.002, 0.002)},
    5000: {1000: (0.17, 0.17), 2000: (0.07, 0.14), 5000: (0.05, 0.05), 8000: (0.027, 0.027), 10_000: (0.02, 0.035),
           15_000: (0.01, 0.01), 21_000: (0.001, 0.002)},
}  # fmt: skip
# {epoch of 1700 batches of 32: accuracy in %}
EPOCH = 1700 * 32
MNIST: dict[str, dict[int, float]] = {
    "mnist": {1: 78.8, 2: 85.5, 5: 93.6, 10: 96.5, 20: 97.2, 50: 97.8, 100: 98.5, 200: 98.5},
    "mnist-permuted": {1: 64.5, 2: 70.4, 5: 78.2, 10: 85.1, 20: 89.2, 50: 93.1, 100: 93.2, 200: 94.1},
}

Lines = list[dict[str, Any]]


def learning_curve(run: str | Path, path: str | Path) -> Path:
    """Draw loss and validation metric of a run over its iterations, with the paper's points, into a PNG file."""
    directory, path = RunDirectory(run), Path(path)
    metrics = read_metrics(directory.metrics)
    summary = json.loads(directory.summary.read_text(encoding="utf-8"))
    figure = _figure(7.2, 4.5)
    if summary["metric"] == "accuracy":
        _accuracy(figure, metrics, summary)
    else:
        _error(figure.subplots(), metrics, summary)
    figure.savefig(path)
    return path


def _figure(width: float, height: float) -> Any:
    """An empty figure of that many inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _series(metrics: Lines, kind: str, name: str) -> tuple[list[int], list[float]]:
    """Return iterations and values of one metric; values that were not finite are null in the file and left out."""
    found = [line for line in metrics if line["kind"] == kind and line.get(name) is not None]
    return [line["iteration"] for line in found], [line[name] for line in found]


def _style(axes: Any, label: str) -> None:
    axes.set_ylabel(label)
    axes.grid(True, which="major", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _end(axes: Any, metrics: Lines) -> int:
    """Let the x axis end a little after the run, and return where."""
    last = max((line["iteration"] for line in metrics), default=1)
    axes.set_xlim(0, last * 1.04)
    axes.set_xlabel("iteration (update of the parameters)")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if last >= 10_000 else f"{value:.0f}")
    return round(last * 1.04)


def _error(axes: Any, metrics: Lines, summary: dict[str, Any]) -> None:
    """One logarithmic panel: the error in training and validation, the blind guess, the paper's points."""
    task, name = summary["task"], summary["loss"]
    axes.set_yscale("log")
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
    known = ADDING.get(task.get("steps", 0), {}) if task["task"] == "adding" else {}
    points = {i: span for i, span in known.items() if i <= end}
    if points:
        middle = [(low * high) ** 0.5 for low, high in points.values()]
        lows, highs = zip(*points.values(), strict=True)
        # where the figure shows a noisy band
        axes.vlines(list(points), lows, highs, color=GREEN, linewidth=1.5, zorder=3)
        axes.plot(list(points), middle, "o", color=GREEN, markerfacecolor="white", markersize=6,
                  label="Li et al. 2018, read off figure 2", zorder=4)  # fmt: skip
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    _style(axes, "mean squared error" if name == "mse" else name)
    title = f"{task['task']}, {task['steps']} steps" if "steps" in task else task["task"]
    axes.set_title(title, loc="left", fontsize=11)
    axes.legend(frameon=False, fontsize=8, loc="lower left")


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
    log = {epoch * EPOCH / batch: 100 - a for epoch, a in MNIST.get(task["task"], {}).items()}
    points = {i: error for i, error in log.items() if i <= end}
    if points:
        top.plot(list(points), list(points.values()), "o", color=GREEN, markerfacecolor="white", markersize=6,
                 label="authors' log, 6 layers, validation", zorder=3)  # fmt: skip
    _ticks(top, [*points.values(), *(error for error in errors if error is not None)])
    _style(top, "error rate / %")
    top.set_title(f"{task['task']}, {task['steps']} steps, batch {batch}" if "steps" in task else task["task"],
                  loc="left", fontsize=11)  # fmt: skip
    top.legend(frameon=False, fontsize=8, loc="upper right")
    bottom.plot(*_series(metrics, "train", summary["loss"]), color=BLUE, linewidth=1.1)
    bottom.set_ylim(bottom=0)
    _style(bottom, "training loss / nats")


def _ticks(axes: Any, values: list[float]) -> None:
    """Let a logarithmic axis of percentages begin and end at round ones."""
    ticks = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100]
    values = values or [1.0]
    first = max(0, sum(tick < 0.95 * min(values) for tick in ticks) - 1)
    last = min(len(ticks) - 1, sum(tick < max(values) for tick in ticks))
    axes.set_ylim(ticks[first], ticks[last] if last > first else ticks[first] * 2)
    axes.set_yticks(ticks[first : last + 1], [f"{tick:g}" for tick in ticks[first : last + 1]])
    axes.set_yticks([], minor=True)


ROLES = {"engine": BLUE, "rival": ORANGE, "other cell": "#BBBBBB", "floor": GREY, "copy": GREY}


def bench(result: dict[str, Any], path: str | Path) -> Path:
    """Draw what `bench.run` returned into a PNG file: times over the floor, and rates beside the copy rate."""
    cases = [case for case in result["cases"] if case["lines"]]
    scans = [case for case in cases if case["kind"] == "recurrence"]
    others = [case for case in cases if case["kind"] != "recurrence"]
    panels = [
        ("time over that of the matrix products alone", "times_floor", others),
        ("GB/s that a scan has to move", "gb_per_s", scans),
    ]
    panels = [panel for panel in panels if panel[2]]
    if not panels:
        raise ValueError("plots.bench: the result holds no case that was timed, expected at least one")
    heights = [sum(len(case["lines"]) + 1.2 for case in shown) + 3 for _, _, shown in panels]
    figure = _figure(8, 0.2 * sum(heights))
    for axes, panel in zip(figure.subplots(len(panels), 1, height_ratios=heights, squeeze=False)[:, 0], panels,
                           strict=True):  # fmt: skip
        _bars(axes, *panel)
    return _save(figure, result, path)


def _save(figure: Any, result: dict[str, Any], path: str | Path) -> Path:
    """Write threads, dtype and BLAS above the panels, and the file."""
    threads = f"{result['threads']} thread{'s' if result['threads'] > 1 else ''}"
    figure.suptitle(f"{threads}, {result['dtype']}, {result['blas']}", fontsize=10)
    figure.savefig(path)
    return Path(path)


def _short(value: float) -> str:
    """Three digits, and no exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _bars(axes: Any, label: str, value: str, cases: Lines) -> None:
    """One horizontal bar for each line, cases below each other, with its number and its milliseconds."""
    names, place = [], 0.0
    for case in cases:
        sizes = tuple(case[letter] for letter in "TBDH" if case[letter])
        names.append((place, f"{case['name']}  {sizes}", "bold"))
        for line in case["lines"]:
            place += 1
            names.append((place, line["candidate"], "normal"))
            axes.barh(place, line[value], color=ROLES[line["role"]], height=0.75)
            axes.annotate(f"{_short(line[value])}   ({_short(line['ms'])} ms)", (line[value], place), xytext=(3, 0),
                          textcoords="offset points", va="center", fontsize=6.5)  # fmt: skip
        place += 1.7
    axes.set_yticks([name[0] for name in names], [name[1] for name in names], fontsize=7)
    for tick, (_, _, weight) in zip(axes.get_yticklabels(), names, strict=True):
        tick.set_fontweight(weight)
    axes.set_ylim(place - 0.7, -1)
    _style(axes, "")
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0)
    values = [line[value] for case in cases for line in case["lines"]]
    widest = max(values)
    if value == "times_floor" and widest > 10:
        axes.set_xscale("log")
        axes.set_xlim(min(0.5, 0.8 * min(values)), widest * 4)
        axes.xaxis.set_major_formatter(lambda number, _: f"{number:g}")
    else:
        axes.set_xlim(0, widest * 1.25)
    axes.set_xlabel(label)


DRAWN = {"cpu": (BLUE, "-"), "cuda": (ORANGE, "--"), "reference": (GREY, "-.")}  # a backend's lines
MARKERS = "os^Dv"  # of each T


def crossover(result: dict[str, Any], path: str | Path) -> Path:
    """Draw what `bench.run_crossover` returned into a PNG file: time over columns, a line for each T and backend."""
    curves: dict[Any, Any] = {}
    for case in result["cases"]:
        for line in case["lines"]:
            curves.setdefault((line["what"], line["backend"], case["T"]), []).append(
                (case["B"] * case["H"], line["ms"])
            )
    if not curves:
        raise ValueError("plots.crossover: the result holds no point that was timed, expected at least one")
    whats, lengths = (list(dict.fromkeys(key[i] for key in curves)) for i in (0, 2))
    figure = _figure(9, 5)
    panels = figure.subplots(1, 2)
    for (what, backend, T), curve in curves.items():
        (color, style), copies = DRAWN[backend], what not in whats[:2]
        if not copies or curve != curves[whats[1], backend, T]:  # some backends copy nothing
            panels[min(whats.index(what), 1)].loglog(
                *zip(*curve, strict=True), color=color, linestyle=style, linewidth=0.7 if copies else 1.3,
                marker=MARKERS[lengths.index(T) % len(MARKERS)], markerfacecolor="white" if copies else color,
                markersize=5, label=f"{backend}, T = {T}{', with transfer' if copies else ''}",
            )  # fmt: skip
    for axes, what in zip(panels, whats, strict=False):
        _style(axes, "ms")
        axes.set(title=what, xlabel="columns B·H")
    drawn = panels[1].get_legend_handles_labels()
    figure.legend(*drawn, loc="outside lower center", ncols=len(lengths), frameon=False, fontsize=8)
    return _save(figure, result, path)
