"""How long neurons remember: their recurrent weights, their horizons, their gates."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import style
from .style import BLUE, GREEN, GREY, ORANGE

BINS = 40
LOWER, UPPER = "ε^(1/T): kept for T steps", "bound γ^(1/T)"


def memory(*findings: Any) -> Any:
    """Draw, a row for each layer: the recurrent weights with their bounds, the steps through the gates over the steps
    by the weight, and the share of open gates over time.
    """
    rows = [(one, k) for one in findings for k in range(len(one.layers))]
    figure = style.empty(10.5, 0.9 + 1.75 * len(rows))
    panels = style.grid(figure, len(rows), 3, sharex="col")
    limits = _range(
        np.concatenate([one.u for one in findings]), [line for one in findings for line in _bounds(one)]
    )
    far = 10 * max(one.steps for one in findings)
    for (left, middle, right), (one, k) in zip(panels, rows, strict=True):
        name, own = one.of_layers()[k]
        left.hist(one.u[own], np.linspace(*limits, BINS + 1), color=BLUE, alpha=0.75)
        _draw_bounds(left, one.lower, one.upper[k])
        style.dress(left, "neurons")
        left.set_title(f"{one.title}, layer {name}".lstrip(", "), loc="left", fontsize=10)
        _draw_horizons(middle, one, own, far)
        right.plot(np.arange(1, one.open.shape[1] + 1), one.open[k], color=BLUE, linewidth=1.2)
        right.set_ylim(-0.03, 1.03)
        style.dress(right, "mean of φ′")
        dead = int(one.dead[own].sum())
        right.set_title(f"open gates; {dead} of {one.sizes[k]} neurons dead", loc="left", fontsize=10)
    for axes, label in zip(
        panels[-1], ("recurrent weight u", "steps by the weight alone", "time step t"), strict=True
    ):
        axes.set_xlabel(label)
    handles = [*panels[0][0].get_legend_handles_labels(), *panels[0][1].get_legend_handles_labels()]
    figure.legend(handles[0] + handles[2], handles[1] + handles[3], loc="outside lower center", ncols=5,
                  frameon=False, fontsize=8)  # fmt: skip
    return figure


def _draw_horizons(axes: Any, one: Any, own: slice, far: float) -> None:
    """Steps through the gates over steps by the weight, one point a neuron; above the diagonal there can be none."""
    u, by_weight = one.u[own], np.minimum(one.horizon[own], far)
    for color, marker, chosen, label in (
        (BLUE, "o", u >= 0, "u ≥ 0"), (ORANGE, "^", u < 0, "u < 0"),
    ):  # fmt: skip
        axes.plot(by_weight[chosen], one.measured[own][chosen], marker, color=color, markersize=3.5, alpha=0.6,
                  markeredgewidth=0, label=label)  # fmt: skip
    T = one.open.shape[1]
    line = np.geomspace(0.5, far, 100)
    axes.plot(line, np.minimum(line, T), color=GREY, linestyle=":", linewidth=1, label="all gates open")
    style.log_with_zero(axes, "x", far, f"≥ {far:,}")
    style.log_with_zero(axes, "y", T, f"{T:,}")
    style.dress(axes, "steps measured")
    axes.set_title(f"steps until less than {one.eps:g} is left", loc="left", fontsize=10)


def memory_film(*films: Any) -> Any:
    """Draw the recurrent weights along training as ridges, a panel for each layer, one network below another."""
    columns = min(3, max(len(one.frames[0].layers) for one in films))
    panels_of = [(one, k) for one in films for k in range(len(one.frames[0].layers))]
    lines = [-(-len(one.frames[0].layers) // columns) for one in films]
    figure = style.empty(1.0 + 3.3 * columns, 0.6 + 2.9 * sum(lines))
    panels = style.grid(figure, sum(lines), columns, sharex=True)
    for axes in panels.ravel():
        axes.set_visible(False)
    frames = [frame for one in films for frame in one.frames]
    limits = _range(
        np.concatenate([one.u for one in frames]), [line for one in frames for line in _bounds(one)]
    )
    first = np.repeat(np.cumsum([0, *lines[:-1]]), [len(one.frames[0].layers) for one in films])
    for (one, k), line in zip(panels_of, first, strict=True):
        axes = panels[line + k // columns, k % columns]
        axes.set_visible(True)
        _ridges(axes, one, k, limits)
        if k % columns == 0:
            axes.set_ylabel("iteration")
        if k + columns >= len(one.frames[0].layers):  # none of this network below it
            axes.set_xlabel("recurrent weight u")
            axes.tick_params(labelbottom=True)
    shown = panels[0, 0].get_legend_handles_labels()
    figure.legend(*shown, loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return figure


def _ridges(axes: Any, film: Any, k: int, limits: tuple[float, float]) -> None:
    """The histograms of one layer, a frame above another; the highest column of each is one and a half lines high."""
    edges = np.linspace(*limits, BINS + 1)
    name, own = film.frames[0].of_layers()[k]
    for place, frame in reversed(list(enumerate(film.frames))):
        counts = np.histogram(frame.u[own], edges)[0]
        heights = 1.5 * counts / max(1, counts.max())
        axes.stairs(place + heights, edges, baseline=place, fill=True, color=BLUE, alpha=0.55, zorder=-place)
        axes.stairs(place + heights, edges, baseline=None, color=BLUE, linewidth=0.8, zorder=-place)
    _draw_bounds(axes, film.frames[0].lower, film.frames[0].upper[k])
    every = -(-len(film.iterations) // 6)
    axes.set_yticks(range(0, len(film.iterations), every), [f"{i:,}" for i in film.iterations[::every]])
    axes.set_ylim(-0.2, len(film.frames) + 0.8)
    style.dress(axes, "")
    axes.set_title(f"{film.title}, layer {name}".lstrip(", "), loc="left", fontsize=10)


def _bounds(one: Any) -> list[float]:
    """All lines that are drawn beside the weights: those of negative ones only where there are such."""
    ends = [one.lower, *one.upper[np.isfinite(one.upper)]]
    return [*ends, *(-end for end in ends if one.u.min() < -0.5 * end)]


def _draw_bounds(axes: Any, lower: float, upper: float) -> None:
    """The lines between which a weight keeps a gradient over the whole sequence, on both sides of zero."""
    low = axes.get_xlim()[0]
    for value, color, dashes, label in ((lower, GREEN, "--", LOWER), (upper, ORANGE, "-", UPPER)):
        if np.isfinite(value):
            axes.axvline(value, color=color, linestyle=dashes, linewidth=1.1, label=label)
            if low < -value:
                axes.axvline(-value, color=color, linestyle=dashes, linewidth=1.1)


def _range(u: Any, lines: list[float]) -> tuple[float, float]:
    """From the smallest to the largest of all weights and bounds, a little wider."""
    low, high = min(float(u.min()), *lines), max(float(u.max()), *lines)
    edge = 0.03 * (high - low or 1.0)
    return low - edge, high + edge
