"""Figures of the results of `indrnn bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..bench import report
from . import style
from .style import BLUE, GREY, ORANGE, Lines

ROLES = {"engine": BLUE, "rival": ORANGE, "other cell": "#BBBBBB", "floor": GREY, "copy": GREY}


def bench(result: dict[str, Any], path: str | Path) -> Path:
    """Draw `bench.run` into a PNG file: times relative to the floor, and rates of scans."""
    cases = [case for case in result["cases"] if case["lines"]]
    scans = [case for case in cases if case["kind"] == "recurrence"]
    others = [case for case in cases if case["kind"] != "recurrence"]
    panels = [
        ("time over that of the matrix products alone", "times_floor", others),
        ("data rate of a scan in GB/s", "gb_per_s", scans),
    ]
    panels = [panel for panel in panels if panel[2]]
    if not panels:
        raise ValueError("plots.bench: the result holds no case that was timed, expected at least one")
    heights = [sum(len(case["lines"]) + 1.2 for case in shown) + 3 for _, _, shown in panels]
    figure = style.empty(8, 0.2 * sum(heights))
    grid = style.grid(figure, len(panels), 1, height_ratios=heights)
    for axes, panel in zip(grid.flat, panels, strict=True):
        _bars(axes, *panel)
    return style.save(_titled(figure, result), path)


def _titled(figure: Any, result: dict[str, Any]) -> Any:
    """Add a title with threads, dtype and BLAS, and return the figure."""
    threads = f"{result['threads']} thread{'s' if result['threads'] > 1 else ''}"
    figure.suptitle(f"{threads}, {result['dtype']}, {result['blas']}", fontsize=10)
    return figure


def _short(value: float) -> str:
    """Format a number with three digits and no exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _bars(axes: Any, label: str, value: str, cases: Lines) -> None:
    """Draw a bar for each line of each case, labelled with its value and its time in ms."""
    names, place = [], 0.0
    for case in cases:
        sizes = tuple(case[letter] for letter in "TBDH" if case[letter])
        names.append((place, f"{case['name']}  {sizes}", "bold"))
        for line in case["lines"]:
            place += 1
            names.append((place, line["candidate"], "normal"))
            axes.barh(place, line[value], color=ROLES[line["role"]], height=0.75)
            text = f"{_short(line[value])}   ({_short(line['ms'])} ms)"
            style.annotate(axes, text, (line[value], place), size=6.5)
        place += 1.7
    axes.set_yticks([name[0] for name in names], [name[1] for name in names], fontsize=7)
    for tick, (_, _, weight) in zip(axes.get_yticklabels(), names, strict=True):
        tick.set_fontweight(weight)
    axes.set_ylim(place - 0.7, -1)
    style.dress(axes)
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


DRAWN = {"cpu": (BLUE, "-"), "cuda": (ORANGE, "--"), "reference": (GREY, "-.")}  # lines of each backend
MARKERS = "os^Dv"  # for each T


def crossover(result: dict[str, Any], path: str | Path) -> Path:
    """Draw `bench.run_crossover` into a PNG file: time over columns, a line per T and backend."""
    curves: dict[Any, Any] = {}
    for case in result["cases"]:
        for line in case["lines"]:
            curve = curves.setdefault((line["what"], line["backend"], case["T"]), [])
            curve.append((case["B"] * case["H"], line["ms"]))
    if not curves:
        raise ValueError("plots.crossover: the result holds no point that was timed, expected at least one")
    whats, lengths = (list(dict.fromkeys(key[i] for key in curves)) for i in (0, 2))
    figure = style.empty(9, 5)
    panels = figure.subplots(1, 2)
    for (what, backend, T), curve in curves.items():
        (color, dashes), copies = DRAWN[backend], what not in whats[:2]
        if not copies or curve != curves[whats[1], backend, T]:  # the cpu copies nothing
            panels[min(whats.index(what), 1)].loglog(
                *zip(*curve, strict=True), color=color, linestyle=dashes, linewidth=0.7 if copies else 1.3,
                marker=MARKERS[lengths.index(T) % len(MARKERS)], markerfacecolor="white" if copies else color,
                markersize=5, label=f"{backend}, $T = {T}${', with transfer' if copies else ''}",
            )  # fmt: skip
    for axes, what in zip(panels, whats, strict=False):
        style.dress(axes, "ms")
        axes.set(title=what, xlabel=r"columns $B \cdot H$")
    style.legend(figure, panels[1:], len(lengths))
    return style.save(_titled(figure, result), path)


def crossover_time(result: dict[str, Any], path: str | Path) -> Path:
    """Draw `bench.run_crossover_time` into a PNG file: serial time over that of the scan, a panel for each map."""
    maps: dict[tuple[str, str], dict[tuple[int, int], float]] = {}
    for case in result["cases"]:
        if case["lines"]:
            ms = {line["candidate"]: line["ms"] for line in case["lines"]}
            points = maps.setdefault((case["backend"], case["activation"]), {})
            points[case["T"], case["H"]] = ms["serial"] / ms["parallel"]
    if not maps:
        raise ValueError(
            "plots.crossover_time: the result holds no point that was timed, expected at least one"
        )
    rows = -(-len(maps) // 2)
    figure = style.empty(8, 0.8 + 2.6 * rows)
    panels = style.tiles(figure, len(maps), min(2, len(maps)))
    for axes, ((backend, activation), points) in zip(panels, maps.items(), strict=True):
        _draw_map(axes, points)
        style.dress(axes, "time steps $T$", f"{backend}, {activation}: serial time over that of the scan")
        axes.grid(False)
        axes.set_xlabel(r"columns $B \cdot H$")
    return style.save(_titled(figure, result), path)


def _draw_map(axes: Any, points: dict[tuple[int, int], float]) -> None:
    """Draw ratios by (T, columns) as a map: blue where the scan is faster, orange where it is slower."""
    steps, columns = (sorted({key[i] for key in points}) for i in (0, 1))
    ratios = np.full((len(steps), len(columns)), np.nan)
    for (T, N), ratio in points.items():
        ratios[steps.index(T), columns.index(N)] = ratio
        place = (columns.index(N), steps.index(T))
        axes.text(*place, f"{ratio:.2g}", ha="center", va="center", fontsize=8, color="black")
    axes.imshow(-np.log2(ratios), cmap="RdYlBu_r", vmin=-3, vmax=3, aspect="auto", origin="lower")
    axes.set_xticks(range(len(columns)), [f"{N:,}" for N in columns])
    axes.set_yticks(range(len(steps)), [f"{T:,}" for T in steps])


RUNGS = {"reference": GREY, "plain_cpu": "#8FB8DE", "cpu": BLUE, "plain_cuda": "#F5C08A", "cuda": ORANGE}


def ladder(result: dict[str, Any], path: str | Path) -> Path:
    """Draw the rungs of `bench.run_ladder` into a PNG file: one panel for each op."""
    return style.save(ladder_figure(result), path)


def ladder_figure(result: dict[str, Any]) -> Any:
    """Return the Figure of `ladder`."""
    cases = [case for case in result["cases"] if case["lines"]]
    if not cases:
        raise ValueError("plots.ladder: the result holds no op that was timed, expected at least one")
    figure = style.empty(8, 0.9 + 1.3 * len(cases))
    for axes, case in zip(style.grid(figure, len(cases), 1).flat, cases, strict=True):
        rungs, times = zip(*((line["candidate"], line["ms"]) for line in case["lines"]), strict=True)
        axes.barh(rungs, times, color=[RUNGS[rung] for rung in rungs], height=0.7)
        for line in case["lines"]:
            factor = "" if line["times_before"] is None else f", {_short(line['times_before'])} times as fast"
            style.annotate(axes, f"{_short(line['ms'])} ms{factor}", (line["ms"], line["candidate"]), size=7)
        style.dress(axes)
        axes.grid(False, axis="y")
        axes.set_xlim(0, 1.4 * max(times))
        axes.invert_yaxis()
        axes.set_title(report.title(case), loc="left", fontsize=8, fontweight="bold")
    axes.set_xlabel("ms, both passes; factors compare with the rung above")
    return _titled(figure, result)
