"""How the gradient goes through layers and time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from . import style

COLORS = (style.BLUE, style.GREEN, style.ORANGE, style.GREY)
FACTOR = 30.0  # within it a ratio counts as kept
DECADES = 24.0  # of the scale of colours; what is smaller than that is as good as nothing


def flow(*findings: Any) -> Any:
    """Draw ‖∂L/∂h_t‖ as layers x time, one panel a network, all in one scale of colours."""
    figure = style.empty(8, 1.2 + sum(_height(len(one.layers)) for one in findings))
    panels = style.grid(
        figure, len(findings), 1, sharex=True, height_ratios=[_height(len(one.layers)) for one in findings]
    )[:, 0]
    limits, cut = _limits([one.norms for one in findings])
    for axes, one in zip(panels, findings, strict=True):
        L, T = one.norms.shape
        image = style.log_image(axes, one.norms, limits, (0.5, T + 0.5, 0.5, L + 0.5))
        _name_layers(axes, one.layers)
        axes.set_title(one.title, loc="left", fontsize=10)
    panels[-1].set_xlabel("time step t")
    style.color_bar(figure, image, list(panels), "‖∂L/∂h_t‖ over the batch", cut)
    return figure


def flow_film(*films: Any) -> Any:
    """Draw ‖∂L/∂h_t‖ along training: iterations x time for each layer, a row of panels a network."""
    columns = max(len(one.frames[0].layers) for one in films)
    figure = style.empty(1.5 + 3.4 * columns, 0.8 + 2.6 * len(films))
    panels = style.grid(figure, len(films), columns, sharex=True)
    limits, cut = _limits([frame.norms for one in films for frame in one.frames])
    for row, one in zip(panels, films, strict=True):
        for k, axes in enumerate(row):
            if k >= len(one.frames[0].layers):
                axes.set_visible(False)
                continue
            values = np.stack([frame.norms[k] for frame in one.frames])
            image = style.log_image(
                axes, values, limits, (0.5, values.shape[1] + 0.5, -0.5, len(values) - 0.5)
            )
            _name_iterations(axes, one.iterations)
            axes.set_title(f"{one.title}, layer {one.frames[0].layers[k]}", loc="left", fontsize=10)
        row[0].set_ylabel("iteration")
    for axes in panels[-1]:
        axes.set_xlabel("time step t")
    style.color_bar(figure, image, panels, "‖∂L/∂h_t‖ over the batch", cut)
    return figure


def _limits(norms: list[Any]) -> tuple[tuple[float, float], bool]:
    """The ends of the scale of colours, and whether norms are smaller than the lower one."""
    values = np.concatenate([one.ravel() for one in norms])
    low, high = style.decades(values, DECADES)
    return (low, high), bool(((values > 0) & (values < low)).any())


def _height(layers: int) -> float:
    """Inches of a panel of so many layers."""
    return min(0.9 + 0.3 * layers, 5.0)


def _name_layers(axes: Any, names: tuple[str, ...]) -> None:
    every = -(-len(names) // 12)  # at most twelve names fit
    axes.set_yticks(range(1, len(names) + 1, every), names[::every])
    axes.set_ylabel("layer")


def _name_iterations(axes: Any, iterations: Any) -> None:
    every = -(-len(iterations) // 6)
    axes.set_yticks(range(0, len(iterations), every), [f"{i:,}" for i in iterations[::every]])


def depth(result: dict[str, Any], path: str | Path) -> Path:
    """Draw what benchmarks/depth.py measured into a PNG file: the gradient norm of each layer over that of the last,
    at the first measurement (dashed) and at the end of training; and the first layer's over the iterations.
    """
    figure = style.empty(10, 4.2)
    left, right = figure.subplots(1, 2)
    for color, record in zip(COLORS, result["networks"], strict=False):
        first, last = (_shares(record["measured"][i]["norms"]) for i in (0, -1))
        places = range(1, len(first) + 1)
        left.plot(places, first, color=color, linestyle="--", linewidth=1)
        left.plot(places, last, color=color, linewidth=1.6, marker="o", markersize=3, label=record["name"])
        times = [one["iteration"] for one in record["measured"]]
        ratios = [_shares(one["norms"])[0] for one in record["measured"]]
        right.plot(times, ratios, color=color, linewidth=1.6, marker="o", markersize=3, label=record["name"])
    right.axhspan(1 / FACTOR, FACTOR, color=style.BLUE, alpha=0.08, linewidth=0)
    for axes, label in (
        (left, "‖∂L/∂h‖ of the layer over the last one's"),
        (right, "the same of the first layer"),
    ):
        axes.set_yscale("log")
        style.dress(axes, label)
    left.xaxis.get_major_locator().set_params(integer=True)
    left.set_xlabel("recurrent layer (dashed: before training)")
    right.set_xlabel("iteration (update of the parameters)")
    left.set_title(f"{result['task']}, {result['hidden']} units", loc="left", fontsize=11)
    left.legend(frameon=False, fontsize=8)
    figure.savefig(path)
    return Path(path)


def _shares(norms: list[float]) -> list[float]:
    """Each norm over the last one; what has underflowed is drawn at the smallest number."""
    return [max(norm, 1e-300) / max(norms[-1], 1e-300) for norm in norms]
