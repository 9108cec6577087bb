"""What `indrnn bench` measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import style
from .style import BLUE, GREY, ORANGE, Lines

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
    figure = style.empty(8, 0.2 * sum(heights))
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
    style.dress(axes, "")
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
    figure = style.empty(9, 5)
    panels = figure.subplots(1, 2)
    for (what, backend, T), curve in curves.items():
        (color, dashes), copies = DRAWN[backend], what not in whats[:2]
        if not copies or curve != curves[whats[1], backend, T]:  # some backends copy nothing
            panels[min(whats.index(what), 1)].loglog(
                *zip(*curve, strict=True), color=color, linestyle=dashes, linewidth=0.7 if copies else 1.3,
                marker=MARKERS[lengths.index(T) % len(MARKERS)], markerfacecolor="white" if copies else color,
                markersize=5, label=f"{backend}, T = {T}{', with transfer' if copies else ''}",
            )  # fmt: skip
    for axes, what in zip(panels, whats, strict=False):
        style.dress(axes, "ms")
        axes.set(title=what, xlabel="columns B·H")
    drawn = panels[1].get_legend_handles_labels()
    figure.legend(*drawn, loc="outside lower center", ncols=len(lengths), frameon=False, fontsize=8)
    return _save(figure, result, path)
