"""Errors of wrong backward passes."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from . import style

# Symbols in the names of mistakes and cases, as mathtext.
SYMBOLS = {
    "h_0 = 0": "$h_0 = 0$",
    "h_0": "$h_0$",
    "φ'": r"$\varphi'$",
    "T = 1": "$T = 1$",
    "B = 1": "$B = 1$",
}


def bugs(*findings: Any) -> Any:
    """Draw the error of each wrong pass as a dot and that of the correct pass as a ring; a panel per finding."""
    figure = style.empty(8.5, 0.8 + sum(0.9 + 0.27 * len(one.bugs) for one in findings))
    panels = style.grid(figure, len(findings), 1, sharex=True)[:, 0]
    for axes, one in zip(panels, findings, strict=True):
        rows = np.arange(len(one.bugs))[::-1]
        for chosen, color, label in (
            (~one.hides, style.ORANGE, "wrong pass, mistake exposed"),
            (one.hides, style.BLUE, "wrong pass, mistake hidden"),
        ):
            axes.plot(one.errors[chosen], rows[chosen], "o", color=color, markersize=6, label=label)
        ring = {"markerfacecolor": "none", "markersize": 10, "label": "correct pass"}
        axes.plot(one.right, rows, "o", color=style.GREY, **ring)
        axes.axvline(one.tolerance, color=style.GREEN, linestyle="--", linewidth=1.4, label="tolerance")
        axes.set_xscale("log")
        axes.set_xlim(min(one.right.min(), one.errors.min(), one.tolerance) / 10, 10)
        axes.set_ylim(-0.7, len(rows) - 0.3)
        names = [_with_symbols(f"{bug}: {case}") for bug, case in zip(one.bugs, one.cases, strict=True)]
        style.dress(axes, title=one.title or "Largest error in the gradient check")
        axes.set_yticks(rows, names, fontsize=8)
    panels[-1].set_xlabel("relative error of a derivative")
    style.legend(figure, panels[:1], 4)
    return figure


def _with_symbols(name: str) -> str:
    """Return the name of a mistake with its symbols as mathtext."""
    pattern = "|".join(re.escape(symbol) for symbol in SYMBOLS)
    return re.sub(pattern, lambda match: SYMBOLS[match[0]], name)
