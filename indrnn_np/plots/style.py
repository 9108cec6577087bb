"""Shared style of all figures. Only this file and figure.py import matplotlib, when they draw."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from .. import _check, _files

# After Okabe & Ito, distinguishable for colour-blind readers; the blue is lighter, for dark pages.
BLUE, ORANGE, GREEN, GREY = "#1f83c4", "#D55E00", "#009E73", "#7a7a7a"

# Labels of several figures, with mathtext.
STEP = "time step $t$"
GRADIENT_NORM = r"$\Vert\partial L/\partial h_t\Vert$ over the batch"

Lines = list[dict[str, Any]]
LIGHT, DARK = THEMES = ("light", "dark")
# Settings for dark pages; the colours of lines are readable on both.
NIGHT = {
    "text.color": "#e6e6e6", "axes.labelcolor": "#e6e6e6", "axes.edgecolor": "#a0a0a0", "xtick.color": "#d0d0d0",
    "ytick.color": "#d0d0d0", "axes.facecolor": "#16181d", "figure.facecolor": "#16181d",
    "savefig.facecolor": "#16181d", "axes.titlecolor": "#e6e6e6",
}  # fmt: skip


def no_plot(name: str) -> str:
    """Return the message that the plot `name` is missing, or "" if matplotlib is installed."""
    if importlib.util.find_spec("matplotlib") is not None:
        return ""
    return f"no {name}: matplotlib is not installed (pip install 'indrnn-np[plot]')"


@contextmanager
def theme(name: str = LIGHT) -> Iterator[None]:
    """Draw the figures inside this context for a "light" or "dark" page."""
    _check.choice("plots.theme", "name", name, THEMES)
    matplotlib = _check.optional("plots", "matplotlib", "plot")
    with matplotlib.rc_context(NIGHT if name == DARK else {}):
        yield


def draw(
    function: Callable[..., Any], *arguments: Any, path: str | Path | None = None, theme_name: str = LIGHT
) -> Any:
    """Return the Figure that `function` draws in a theme, and write it to `path` if there is one."""
    with theme(theme_name):
        figure = function(*arguments)
        if path is not None:
            save(figure, path)
    return figure


def color_bar(figure: Any, image: Any, axes: Any, label: str, cut: bool = False) -> None:
    """Draw a colour bar with its unit, with a pointed lower end if values are cut there."""
    bar = figure.colorbar(image, ax=axes, label=label, extend="min" if cut else "neither")
    bar.outline.set_visible(False)


def decades(values: Any, most: float = 300.0) -> tuple[float, float]:
    """Return limits of a logarithmic scale, cut at 10^-most times the largest value.

    Without positive values the limits are (1, 10).
    """
    positive = values[values > 0]
    if not positive.size:
        return 1.0, 10.0
    high = float(positive.max())
    low = max(float(positive.min()), high * 10.0**-most, 1e-300)
    return (low, high) if low < high else (low / 2, high * 2)


def empty(width: float, height: float) -> Any:
    """Return an empty figure with a size in inches."""
    _check.optional("plots", "matplotlib", "plot")
    from .figure import Figure

    return Figure(width, height)


def save(figure: Any, path: str | Path) -> Path:
    """Write a figure in the format of the suffix (PNG without one), and return the path."""
    path = _files.user_path("plots", "path", path)
    path = path if path.suffix else path.with_name(f"{path.name}.png")
    _files.replace("plots", path, lambda file: figure.savefig(file, format=path.suffix[1:]))
    return path


def log_image(
    axes: Any, values: Any, limits: tuple[float, float], extent: tuple[float, float, float, float]
) -> Any:
    """Draw positive values (rows, columns) as logarithmic colours; zeros stay grey."""
    from matplotlib.colors import LogNorm

    image = axes.imshow(
        np.where(values > 0, values, np.nan), aspect="auto", cmap="viridis", norm=LogNorm(*limits, clip=True),
        extent=extent, interpolation="nearest", origin="lower",
    )  # fmt: skip
    axes.set_facecolor(GREY)
    return image


def log_with_zero(axes: Any, side: str, end: float, name: str) -> None:
    """Scale the axis "x" or "y" from 0 to `end`, logarithmic from 1 on, and label it `name`."""
    scale, limit = (axes.set_xscale, axes.set_xlim) if side == "x" else (axes.set_yscale, axes.set_ylim)
    scale("symlog", linthresh=1.0, linscale=0.4)
    limit(-0.3, 1.5 * end)
    decades = 10.0 ** np.arange(np.ceil(np.log10(max(end, 1.0))) + 1)
    nearest = 0.1 if side == "x" else 0.4  # labels side by side need more space
    places = [0.0, *decades[decades <= nearest * end]]
    axis = axes.xaxis if side == "x" else axes.yaxis
    axis.set_ticks([*places, end], [*(f"{value:,.0f}" for value in places), name])
    axis.set_ticks([], minor=True)


def annotate(axes: Any, text: str, place: tuple[Any, Any], size: float = 8, box: bool = False) -> None:
    """Write a text to the right of a point, with `box` on a semi-transparent background."""
    from matplotlib import rcParams

    patch = {"facecolor": rcParams["axes.facecolor"], "edgecolor": "none", "alpha": 0.7, "pad": 1.0}
    axes.annotate(
        text, place, xytext=(6 if box else 3, 0), textcoords="offset points", va="center", fontsize=size,
        bbox=patch if box else None,
    )  # fmt: skip


def grid(figure: Any, rows: int, columns: int, **options: Any) -> Any:
    """Return the panels (rows, columns), always as a 2-D array."""
    return figure.subplots(rows, columns, squeeze=False, **options)


def tiles(figure: Any, count: int, columns: int, **options: Any) -> Any:
    """Return `count` panels in rows of `columns`; the others of the last row are hidden."""
    panels = grid(figure, -(-count // columns), columns, **options).ravel()
    for axes in panels[count:]:
        axes.set_visible(False)
    return panels[:count]


def legend(figure: Any, panels: Any, columns: int, side: str = "lower center", size: float = 8) -> None:
    """Draw one legend for the lines of several panels, outside them."""
    named: dict[str, Any] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
    figure.legend(named.values(), named, loc=f"outside {side}", ncols=columns, frameon=False, fontsize=size)


def dress(axes: Any, label: str = "", title: str | None = None, size: float = 10) -> None:
    """Label the y axis, set the title in font size `size`, and style the panel."""
    axes.set_ylabel(label)
    if title is not None:
        axes.set_title(title, loc="left", fontsize=size)
    axes.grid(True, which="major", color="#888888", alpha=0.3, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def name_iterations(axes: Any, iterations: Any) -> None:
    """Label the rows of frames with their iterations, at most six of them."""
    every = -(-len(iterations) // 6)
    axes.set_yticks(range(0, len(iterations), every), [f"{i:,}" for i in iterations[::every]])


def percents(axes: Any, values: list[float]) -> None:
    """Set round limits and ticks on a logarithmic axis of percentages."""
    ticks = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100]
    values = values or [1.0]
    first = max(0, sum(tick < 0.95 * min(values) for tick in ticks) - 1)
    last = min(len(ticks) - 1, sum(tick < max(values) for tick in ticks))
    axes.set_ylim(ticks[first], ticks[last] if last > first else ticks[first] * 2)
    axes.set_yticks(ticks[first : last + 1], [f"{tick:g}" for tick in ticks[first : last + 1]])
    axes.set_yticks([], minor=True)
