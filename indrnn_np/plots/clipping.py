"""Training with four ways to bound the recurrent weight."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import style

# Colour, line style, width. Wide lines are drawn first, so that coinciding curves stay visible.
LOOK = {
    "projection": (style.BLUE, "-", 2.2),
    "graph": (style.ORANGE, "--", 1.8),
    "penalty": (style.GREEN, "-.", 1.4),
    "none": ("#c0c0c0", "-", 4.5),
}


def clipping(*findings: Any) -> Any:
    """Draw loss, gradient norm, largest |u| / bound and share outside; a column per network."""
    alone = len(findings) == 1
    figure = style.empty(8 if alone else 1.0 + 4.0 * len(findings), 5.8 if alone else 10)
    panels = style.grid(figure, 2 if alone else 4, 2 if alone else len(findings), sharex=True)
    columns = [panels.ravel()] if alone else list(panels.T)
    for column, finding in zip(columns, findings, strict=True):
        for w, way in enumerate(finding.ways):
            _draw(column, finding, w, *LOOK[way])
        bounds = "$|u|$ over its bound\n(largest; median: thin)"
        labels = ("loss of the task", "gradient norm", bounds, "share of neurons outside")
        for axes, label in zip(column, labels, strict=True):
            style.dress(axes, label, finding.title if axes is column[0] else None)
        for axes in column[:2]:
            axes.set_yscale("log")
        column[2].axhline(1.0, color=style.GREY, linewidth=0.8)
    for axes in panels[-1]:
        axes.set_xlabel("iteration")
        axes.set_xscale("log")
    style.legend(figure, columns[0][:1], 4, size=9)
    return figure


def _draw(column: Any, finding: Any, w: int, color: str, form: str, width: float) -> None:
    """Draw the curves of way w into the four panels."""
    iterations = np.arange(1, finding.loss.shape[1] + 1)
    order = {"color": color, "linestyle": form, "zorder": 3 - width / 10}
    look = {**order, "linewidth": width, "label": finding.ways[w]}
    largest, median = finding.quantiles[w, 1:, 4], finding.quantiles[w, 1:, 2]
    values = _smooth(finding.loss[w]), _smooth(finding.norm[w]), largest, finding.outside[w, 1:]
    for axes, curve in zip(column, values, strict=True):
        axes.plot(iterations, curve, **look)
    column[2].plot(iterations, median, linewidth=width / 2, **order)
    finite = np.flatnonzero(np.isfinite(largest))
    if finding.diverged[w] >= 0 and finite.size:  # the end of the run
        column[2].plot(finite[-1] + 1, largest[finite[-1]], "x", color=color, markersize=9, markeredgewidth=2)


def _smooth(values: np.ndarray) -> np.ndarray:
    """Return the geometric mean over the last tenth of the iterations so far."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        logs = np.log(values)
        return np.exp([logs[i - i // 10 : i + 1].mean() for i in range(len(logs))])
