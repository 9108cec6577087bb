"""What all drawings share: colours, an empty figure, axes. Only this file imports matplotlib, when it draws."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .. import _check

# After Okabe & Ito, so that colour-blind people tell them apart; the blue a little lighter, which dark pages carry too.
BLUE, ORANGE, GREEN, GREY = "#1f83c4", "#D55E00", "#009E73", "#7a7a7a"

Lines = list[dict[str, Any]]
LIGHT, DARK = THEMES = ("light", "dark")
# What differs on a dark page; the colours of lines are read on both.
NIGHT = {
    "text.color": "#e6e6e6", "axes.labelcolor": "#e6e6e6", "axes.edgecolor": "#a0a0a0", "xtick.color": "#d0d0d0",
    "ytick.color": "#d0d0d0", "axes.facecolor": "#16181d", "figure.facecolor": "#16181d",
    "savefig.facecolor": "#16181d", "axes.titlecolor": "#e6e6e6",
}  # fmt: skip


@contextmanager
def theme(name: str = LIGHT) -> Iterator[None]:
    """What is drawn inside is for a page of this kind: "light" or "dark"."""
    from matplotlib import rc_context

    _check.choice("plots.theme", "name", name, THEMES)
    with rc_context(NIGHT if name == DARK else {}):
        yield


def color_bar(figure: Any, image: Any, axes: Any, label: str, cut: bool = False) -> None:
    """The scale of a picture's colours, with its unit; a point at its lower end if values are cut there."""
    bar = figure.colorbar(image, ax=axes, label=label, extend="min" if cut else "neither")
    bar.outline.set_visible(False)


def decades(values: Any, most: float = 300.0) -> tuple[float, float]:
    """Limits of a logarithmic scale that holds all positive values; smaller ones than the largest's 10^-most are cut.

    Without any positive value (1, 10).
    """
    positive = values[values > 0]
    if not positive.size:
        return 1.0, 10.0
    high = float(positive.max())
    low = max(float(positive.min()), high * 10.0**-most, 1e-300)
    return (low, high) if low < high else (low / 2, high * 2)


def empty(width: float, height: float) -> Any:
    """An empty figure of that many inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def log_image(
    axes: Any, values: Any, limits: tuple[float, float], extent: tuple[float, float, float, float]
) -> Any:
    """A picture of positive values (rows, columns) in logarithmic colours; zeros stay grey."""
    from matplotlib.colors import LogNorm

    image = axes.imshow(
        np.where(values > 0, values, np.nan), aspect="auto", cmap="viridis", norm=LogNorm(*limits, clip=True),
        extent=extent, interpolation="nearest", origin="lower",
    )  # fmt: skip
    axes.set_facecolor(GREY)
    return image


def log_with_zero(axes: Any, side: str, end: float, name: str) -> None:
    """Let the axis "x" or "y" go from 0 to `end`, which is called `name`, in powers of ten from 1 on."""
    scale, limit = (axes.set_xscale, axes.set_xlim) if side == "x" else (axes.set_yscale, axes.set_ylim)
    scale("symlog", linthresh=1.0, linscale=0.4)
    limit(-0.3, 1.5 * end)
    decades = 10.0 ** np.arange(np.ceil(np.log10(max(end, 1.0))) + 1)
    nearest = 0.1 if side == "x" else 0.4  # names side by side need more room
    places = [0.0, *decades[decades <= nearest * end]]
    axis = axes.xaxis if side == "x" else axes.yaxis
    axis.set_ticks([*places, end], [*(f"{value:,.0f}" for value in places), name])
    axis.set_ticks([], minor=True)


def patch() -> dict[str, Any]:
    """The box behind a number that stands on a drawing: the page's colour, half through."""
    from matplotlib import rcParams

    return {"facecolor": rcParams["axes.facecolor"], "edgecolor": "none", "alpha": 0.7, "pad": 1.0}


def grid(figure: Any, rows: int, columns: int, **options: Any) -> Any:
    """Panels (rows, columns), always as an array of two axes."""
    return figure.subplots(rows, columns, squeeze=False, **options)


def dress(axes: Any, label: str) -> None:
    """Name the y axis and give the panel its look."""
    axes.set_ylabel(label)
    axes.grid(True, which="major", color="#888888", alpha=0.3, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def percents(axes: Any, values: list[float]) -> None:
    """Let a logarithmic axis of percentages begin and end at round ones."""
    ticks = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100]
    values = values or [1.0]
    first = max(0, sum(tick < 0.95 * min(values) for tick in ticks) - 1)
    last = min(len(ticks) - 1, sum(tick < max(values) for tick in ticks))
    axes.set_ylim(ticks[first], ticks[last] if last > first else ticks[first] * 2)
    axes.set_yticks(ticks[first : last + 1], [f"{tick:g}" for tick in ticks[first : last + 1]])
    axes.set_yticks([], minor=True)
