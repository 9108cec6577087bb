"""The gallery of wrong backward passes."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import style


def bugs(*findings: Any) -> Any:
    """Draw the error of each wrong backward where it shows (square) and where it hides (circle), a panel a finding."""
    figure = style.empty(8.5, 0.8 + sum(0.9 + 0.27 * len(one.bugs) for one in findings))
    panels = style.grid(figure, len(findings), 1, sharex=True)[:, 0]
    for axes, one in zip(panels, findings, strict=True):
        rows = np.arange(len(one.bugs))[::-1]
        for chosen, color, form, label in (
            (~one.hides, style.ORANGE, "s", "the wrong one, where it shows"),
            (one.hides, style.BLUE, "o", "the wrong one, where it hides"),
        ):
            axes.barh(rows[chosen], one.errors[chosen], 0.45, left=1e-16, color=color, alpha=0.35)
            axes.plot(one.errors[chosen], rows[chosen], form, color=color, markersize=6, label=label)
        axes.plot(
            one.right, rows, "|", color=style.GREY, markersize=11, markeredgewidth=1.8, label="the right one"
        )
        line = {"color": style.GREEN, "linestyle": "--", "linewidth": 1.4, "label": "tolerance"}
        axes.axvline(one.tolerance, **line)
        axes.set_xscale("log")
        axes.set_xlim(1e-16, 10)
        axes.set_ylim(-0.7, len(rows) - 0.3)
        names = [f"{bug}: {case}" for bug, case in zip(one.bugs, one.cases, strict=True)]
        style.dress(axes, "")
        axes.set_yticks(rows, names, fontsize=8)
        axes.set_title(
            one.title or "Wrong backward passes before the gradient check", loc="left", fontsize=10
        )
    panels[-1].set_xlabel("relative error of a derivative")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    return figure
