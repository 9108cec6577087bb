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
    """Draw the errors of wrong passes as dots, of correct passes as rings; a panel per finding."""
    figure = style.empty(8.5, 0.8 + sum(0.9 + 0.27 * len(finding.bugs) for finding in findings))
    panels = style.grid(figure, len(findings), 1, sharex=True)[:, 0]
    for axes, finding in zip(panels, findings, strict=True):
        rows = np.arange(len(finding.bugs))[::-1]
        for chosen, color, label in (
            (~finding.hides, style.ORANGE, "wrong pass, mistake exposed"),
            (finding.hides, style.BLUE, "wrong pass, mistake hidden"),
        ):
            axes.plot(finding.errors[chosen], rows[chosen], "o", color=color, markersize=6, label=label)
        ring = {"markerfacecolor": "none", "markersize": 10, "label": "correct pass"}
        axes.plot(finding.right, rows, "o", color=style.GREY, **ring)
        axes.axvline(finding.tolerance, color=style.GREEN, linestyle="--", linewidth=1.4, label="tolerance")
        axes.set_xscale("log")
        axes.set_xlim(min(finding.right.min(), finding.errors.min(), finding.tolerance) / 10, 10)
        axes.set_ylim(-0.7, len(rows) - 0.3)
        style.dress(axes, title=finding.title or "Largest error in the gradient check")
        pairs = zip(finding.bugs, finding.cases, strict=True)
        axes.set_yticks(rows, [_with_symbols(f"{bug}: {case}") for bug, case in pairs], fontsize=8)
    panels[-1].set_xlabel("relative error of a derivative")
    style.legend(figure, panels[:1], 4)
    return figure


def _with_symbols(name: str) -> str:
    """Return the name of a mistake with its symbols as mathtext."""
    pattern = "|".join(re.escape(symbol) for symbol in SYMBOLS)
    return re.sub(pattern, lambda match: SYMBOLS[match[0]], name)
