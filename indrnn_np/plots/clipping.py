"""Four ways to bound the recurrent weight."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import style

LOOK = {
    "projection": (style.BLUE, "-"),
    "graph": (style.ORANGE, "--"),
    "penalty": (style.GREEN, "-."),
    "none": (style.GREY, ":"),
}


def clipping(*findings: Any) -> Any:
    """Draw loss, gradient norm, the largest |u| over its bound and the share outside, a column for each network."""
    alone = len(findings) == 1
    figure = style.empty(8 if alone else 1.0 + 4.0 * len(findings), 5.8 if alone else 10)
    panels = style.grid(figure, 2 if alone else 4, 2 if alone else len(findings), sharex=True)
    columns = [panels.ravel()] if alone else list(panels.T)
    for column, one in zip(columns, findings, strict=True):
        for w, way in enumerate(one.ways):
            _draw(column, one, w, *LOOK[way])
        labels = (
            "loss of the task",
            "gradient norm",
            "|u| over its bound\n(largest; median: thin)",
            "share of neurons outside",
        )
        for axes, label in zip(column, labels, strict=True):
            style.dress(axes, label)
        for axes in column[:2]:
            axes.set_yscale("log")
        column[2].axhline(1.0, color=style.GREY, linewidth=0.8)
        column[0].set_title(one.title, loc="left", fontsize=10)
    for axes in panels[-1]:
        axes.set_xlabel("update")
        axes.set_xscale("log")
    handles, labels = columns[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return figure


def _draw(column: Any, one: Any, w: int, color: str, form: str) -> None:
    updates = np.arange(1, one.loss.shape[1] + 1)
    look = {"color": color, "linestyle": form, "linewidth": 1.4, "label": one.ways[w]}
    largest, median = one.quantiles[w, 1:, 4], one.quantiles[w, 1:, 2]
    column[0].plot(updates, _smooth(one.loss[w]), **look)
    column[1].plot(updates, _smooth(one.norm[w]), **look)
    column[2].plot(updates, largest, **look)
    column[2].plot(updates, median, color=color, linestyle=form, linewidth=0.7)
    column[3].plot(updates, one.outside[w, 1:], **look)
    known = np.flatnonzero(np.isfinite(largest))
    if one.diverged[w] >= 0 and known.size:  # where the run ends
        column[2].plot(known[-1] + 1, largest[known[-1]], "x", color=color, markersize=9, markeredgewidth=2)


def _smooth(values: np.ndarray) -> np.ndarray:
    """The geometric mean of the last tenth of the updates so far: as wide everywhere on a logarithmic axis."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        logs = np.log(values)
        return np.exp([logs[i - i // 10 : i + 1].mean() for i in range(len(logs))])
