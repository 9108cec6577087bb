"""Errors of a gradient check."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import style

COLORS = {"passed": style.BLUE, "failed": style.ORANGE, "undecided": style.GREY}
LEAST = 1e-12  # smaller errors, such as 0, are drawn here


def gradient_check(report: Any) -> Any:
    """Draw the relative error of each row as a dot, and its tolerance as a tick."""
    figure = style.empty(7.2, 1.4 + 0.24 * len(report.rows))
    axes = figure.subplots()
    places = np.arange(len(report.rows))[::-1]
    errors = np.array([max(row.error, LEAST) for row in report])
    for status, color in COLORS.items():
        chosen = np.array([row.status == status for row in report])
        if chosen.any():
            axes.plot(errors[chosen], places[chosen], "o", color=color, markersize=6, label=status)
    axes.plot([row.tolerance for row in report], places, "|", color=style.GREEN, markersize=10,
              markeredgewidth=2, label="tolerance")  # fmt: skip
    axes.set_xscale("log")
    axes.set_yticks(places, [row.name for row in report], fontsize=8)
    axes.set_ylim(-0.7, len(places) - 0.3)
    axes.set_xlabel("relative error of the derivative along a random direction")
    style.dress(axes, title=f"{report.what}: {report.summary()}")
    style.legend(figure, [axes], 4)
    return figure
