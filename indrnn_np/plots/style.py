"""What all drawings share: colours, an empty figure, axes. Only this file imports matplotlib, when it draws."""

from __future__ import annotations

from typing import Any

# Okabe & Ito's colours, which colour-blind people tell apart; shapes and line styles differ too.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"

Lines = list[dict[str, Any]]


def empty(width: float, height: float) -> Any:
    """An empty figure of that many inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def dress(axes: Any, label: str) -> None:
    """Name the y axis and give the panel its look."""
    axes.set_ylabel(label)
    axes.grid(True, which="major", color="#dddddd", linewidth=0.6)
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
