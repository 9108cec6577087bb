"""Memory length of neurons: recurrent weights, horizons and gates."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import style
from .style import BLUE, GREEN, GREY, ORANGE

BINS = 40
LOWER, UPPER = r"$\epsilon^{1/T}$: kept for $T$ steps", r"bound $\gamma^{1/T}$"


def memory(*findings: Any) -> Any:
    """Draw recurrent weights with bounds, memory lengths, and open gates, a row per layer.

    The middle panel shows the length through the gates over that by the weight, without dead
    neurons.
    """
    rows = [(finding, k) for finding in findings for k in range(len(finding.layers))]
    figure = style.empty(10.5, 0.9 + 1.75 * len(rows))
    panels = style.grid(figure, len(rows), 3)
    far = 10 * max(finding.steps for finding in findings)
    for (left, middle, right), (finding, k) in zip(panels, rows, strict=True):
        name, part = finding.of_layers()[k]
        u = finding.u[part]
        limits = _range(u, _bounds(u, [finding.lower, finding.upper[k]]))
        left.hist(u, np.linspace(*limits, BINS + 1), color=BLUE, alpha=0.75)
        left.set_xlim(*limits)
        _draw_bounds(left, finding.lower, finding.upper[k])
        style.dress(left, "neurons", f"{finding.title}, layer {name}".lstrip(", "))
        _draw_horizons(middle, finding, part, far)
        right.plot(np.arange(1, finding.open.shape[1] + 1), finding.open[k], color=BLUE, linewidth=1.2)
        right.set_ylim(0, min(1.03, 1.3 * finding.open[k].max() or 1.0))
        dead = int(finding.dead[part].sum())
        style.dress(right, r"mean of $\varphi'$", f"open gates; {dead} of {finding.sizes[k]} neurons dead")
    labels = ("recurrent weight $u$", "steps by the weight alone", style.STEP)
    for axes, label in zip(panels[-1], labels, strict=True):
        axes.set_xlabel(label)
    style.legend(figure, panels[:, :2].ravel(), 5)
    return figure


def _draw_horizons(axes: Any, finding: Any, part: slice, far: float) -> None:
    """Draw steps through the gates over steps by the weight, a point per living neuron."""
    u, by_weight, alive = finding.u[part], np.minimum(finding.horizon[part], far), ~finding.dead[part]
    for color, marker, sign, label in (
        (BLUE, "o", u >= 0, r"$u \geq 0$"), (ORANGE, "^", u < 0, "$u < 0$"),
    ):  # fmt: skip
        chosen = sign & alive
        if chosen.any():
            axes.plot(by_weight[chosen], finding.measured[part][chosen], marker, color=color, markersize=4.5, alpha=0.6,
                      markeredgewidth=0, label=label)  # fmt: skip
    T = finding.open.shape[1]
    line = np.geomspace(0.5, far, 100)
    axes.plot(line, np.minimum(line, T), color=GREY, linestyle=":", linewidth=1, label="all gates open")
    style.log_with_zero(axes, "x", far, f"≥ {far:,}")
    style.log_with_zero(axes, "y", T, f"{T:,}")
    style.dress(axes, "steps measured", f"steps until less than {finding.eps:g} is left")


def memory_film(*films: Any) -> Any:
    """Draw the recurrent weights during training as ridges, a panel per layer."""
    columns = min(3, max(len(film.frames[0].layers) for film in films))
    rows = [-(-len(film.frames[0].layers) // columns) for film in films]
    figure = style.empty(1.0 + 3.3 * columns, 0.6 + 2.9 * sum(rows))
    panels = style.grid(figure, sum(rows), columns, sharex=True)
    frames = [frame for film in films for frame in film.frames]
    bounds = [bound for frame in frames for bound in _bounds(frame.u, [frame.lower, *frame.upper])]
    limits = _range(np.concatenate([frame.u for frame in frames]), bounds)
    for film, block in zip(films, np.split(panels, np.cumsum(rows)[:-1]), strict=True):
        layers = len(film.frames[0].layers)
        for k, axes in enumerate(block.ravel()):
            if k >= layers:
                axes.set_visible(False)
                continue
            _ridges(axes, film, k, limits)
            if k % columns == 0:
                axes.set_ylabel("iteration")
            if k + columns >= layers:  # the last panel of its column
                axes.set_xlabel("recurrent weight $u$")
                axes.tick_params(labelbottom=True)
    style.legend(figure, panels[:1, 0], 2)
    return figure


def _ridges(axes: Any, film: Any, k: int, limits: tuple[float, float]) -> None:
    """Draw the histograms of one layer as ridges; the highest bin is 1.5 ridge spacings high."""
    edges = np.linspace(*limits, BINS + 1)
    name, part = film.frames[0].of_layers()[k]
    for place, frame in reversed(list(enumerate(film.frames))):
        counts = np.histogram(frame.u[part], edges)[0]
        heights = 1.5 * counts / max(1, counts.max())
        axes.stairs(place + heights, edges, baseline=place, fill=True, color=BLUE, alpha=0.55, zorder=-place)
        axes.stairs(place + heights, edges, baseline=None, color=BLUE, linewidth=0.8, zorder=-place)
    _draw_bounds(axes, film.frames[0].lower, film.frames[0].upper[k])
    style.name_iterations(axes, film.iterations)
    axes.set_ylim(-0.2, len(film.frames) + 0.8)
    style.dress(axes, title=f"{film.title}, layer {name}".lstrip(", "))


def _bounds(u: Any, ends: list[float]) -> list[float]:
    """Return the finite bounds, with the negative of a bound if there are weights near it."""
    finite = [end for end in ends if np.isfinite(end)]
    return [*finite, *(-end for end in finite if u.min() < -0.5 * end)]


def _draw_bounds(axes: Any, lower: float, upper: float) -> None:
    """Draw the lower and upper bounds of |u| on both sides of zero."""
    low = axes.get_xlim()[0]
    for value, color, dashes, label in ((lower, GREEN, "--", LOWER), (upper, ORANGE, "-", UPPER)):
        if np.isfinite(value):
            axes.axvline(value, color=color, linestyle=dashes, linewidth=1.1, label=label)
            if low < -value:
                axes.axvline(-value, color=color, linestyle=dashes, linewidth=1.1)


def _range(u: Any, lines: list[float]) -> tuple[float, float]:
    """Return the range of all weights and bounds with a margin."""
    low, high = min(float(u.min()), *lines), max(float(u.max()), *lines)
    edge = 0.03 * (high - low or 1.0)
    return low - edge, high + edge
