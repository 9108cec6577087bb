"""Norm of the gradient over layers and time steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from . import style

COLORS = (style.BLUE, style.GREEN, style.ORANGE, style.GREY)
LINES = ((style.BLUE, "-"), (style.ORANGE, "--"), (style.GREEN, "-."))  # for each layer
COLUMNS = 3  # panels of lines in a row
FACTOR = 30.0  # a ratio of norms within this factor of 1 is shaded
DECADES = 24.0  # range of the colour scale; smaller values have the last colour


def flow(*findings: Any) -> Any:
    """Draw ‖∂L/∂h_t‖ over time, a panel per network: lines for up to three layers, else colours."""
    return (_lines if max(len(finding.layers) for finding in findings) <= len(LINES) else _colors)(findings)


def _lines(findings: Any) -> Any:
    """Draw a line for each layer, on one logarithmic scale for all networks."""
    columns = min(COLUMNS, len(findings))
    figure = style.empty(2.0 + 2.8 * columns, 0.7 + 2.5 * -(-len(findings) // columns))
    panels = style.tiles(figure, len(findings), columns, sharex=True, sharey=True)
    (low, high), _ = _limits([finding.norms for finding in findings])
    for axes, finding in zip(panels, findings, strict=True):
        steps = np.arange(1, finding.norms.shape[1] + 1)
        for name, norms, (color, dashes) in zip(finding.layers, finding.norms, LINES, strict=False):
            drawn = np.where(norms >= low, norms, np.nan)
            axes.plot(steps, drawn, color=color, linestyle=dashes, linewidth=1.6, label=f"layer {name}")
        axes.set(yscale="log", ylim=(low / 3, high * 3))
        style.dress(axes, title=finding.title)
        axes.tick_params(labelbottom=True)
    figure.supxlabel(style.STEP, fontsize=10)
    figure.supylabel(style.GRADIENT_NORM, fontsize=10)
    longest = max(panels, key=lambda axes: len(axes.lines))
    style.legend(figure, [longest], 3, "upper right", size=9)
    return figure


def _colors(findings: Any) -> Any:
    """Draw layers x time as colours, with one scale for all networks."""
    heights = [min(0.9 + 0.3 * len(finding.layers), 5.0) for finding in findings]  # inches
    figure = style.empty(8, 1.2 + sum(heights))
    panels = style.grid(figure, len(findings), 1, sharex=True, height_ratios=heights)[:, 0]
    limits, cut = _limits([finding.norms for finding in findings])
    for axes, finding in zip(panels, findings, strict=True):
        L, T = finding.norms.shape
        image = style.log_image(axes, finding.norms, limits, (0.5, T + 0.5, 0.5, L + 0.5))
        every = -(-L // 12)  # at most twelve names fit
        axes.set_yticks(range(1, L + 1, every), finding.layers[::every])
        axes.set_ylabel("layer")
        axes.set_title(finding.title, loc="left", fontsize=10)
    panels[-1].set_xlabel(style.STEP)
    style.color_bar(figure, image, list(panels), style.GRADIENT_NORM, cut)
    return figure


def flow_film(*films: Any) -> Any:
    """Draw ‖∂L/∂h_t‖ during training: iterations x time for each layer, a row per network."""
    columns = max(len(film.frames[0].layers) for film in films)
    figure = style.empty(1.5 + 3.4 * columns, 0.8 + 2.6 * len(films))
    panels = style.grid(figure, len(films), columns, sharex=True)
    limits, cut = _limits([frame.norms for film in films for frame in film.frames])
    for row, film in zip(panels, films, strict=True):
        for k, axes in enumerate(row):
            if k >= len(film.frames[0].layers):
                axes.set_visible(False)
                continue
            values = np.stack([frame.norms[k] for frame in film.frames])
            extent = (0.5, values.shape[1] + 0.5, -0.5, len(values) - 0.5)
            image = style.log_image(axes, values, limits, extent)
            style.name_iterations(axes, film.iterations)
            axes.set_title(f"{film.title}, layer {film.frames[0].layers[k]}", loc="left", fontsize=10)
        row[0].set_ylabel("iteration")
    for axes in panels[-1]:
        axes.set_xlabel(style.STEP)
    style.color_bar(figure, image, panels, style.GRADIENT_NORM, cut)
    return figure


def _limits(norms: list[Any]) -> tuple[tuple[float, float], bool]:
    """Return the limits of the colour scale, and whether a norm lies below the lower limit."""
    values = np.concatenate([array.ravel() for array in norms])
    low, high = style.decades(values, DECADES)
    return (low, high), bool(((values > 0) & (values < low)).any())


def depth(result: dict[str, Any], path: str | Path) -> Path:
    """Draw the results of benchmarks/depth.py into a PNG file.

    Left: gradient norm of each layer relative to the last layer, before (dashed) and after
    training. Right: that of the first layer over the iterations.
    """
    figure = style.empty(10, 4.2)
    left, right = figure.subplots(1, 2)
    for color, record in zip(COLORS, result["networks"], strict=False):
        first, last = (_shares(record["measured"][i]["norms"]) for i in (0, -1))
        places = range(1, len(first) + 1)
        left.plot(places, first, color=color, linestyle="--", linewidth=1)
        left.plot(places, last, color=color, linewidth=1.6, marker="o", markersize=3, label=record["name"])
        times = [point["iteration"] for point in record["measured"]]
        ratios = [_shares(point["norms"])[0] for point in record["measured"]]
        right.plot(times, ratios, color=color, linewidth=1.6, marker="o", markersize=3, label=record["name"])
    right.axhspan(1 / FACTOR, FACTOR, color=style.BLUE, alpha=0.08, linewidth=0)
    norm = r"$\Vert\partial L/\partial h\Vert$ relative to the last layer"
    style.dress(left, norm, f"{result['task']}, {result['hidden']} units", size=11)
    style.dress(right, f"{norm}, first layer")
    for axes in (left, right):
        axes.set_yscale("log")
    left.xaxis.get_major_locator().set_params(integer=True)
    left.set_xlabel("recurrent layer (dashed: before training)")
    right.set_xlabel("iteration (update of the parameters)")
    left.legend(frameon=False, fontsize=8)
    return style.save(figure, path)


def _shares(norms: list[float]) -> list[float]:
    """Return norms relative to the last one; underflowed norms become 1e-300."""
    return [max(norm, 1e-300) / max(norms[-1], 1e-300) for norm in norms]
