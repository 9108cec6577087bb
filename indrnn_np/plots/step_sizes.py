"""Error of numerical derivatives against their step size."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import style

LOOK = {
    "central, float64": (style.BLUE, "o-"),
    "central, float32": (style.ORANGE, "s-"),
    "complex step": (style.GREEN, "^-"),
}
RANGE = 1e-17, 1e3  # errors on the axis


def step_sizes(*findings: Any) -> Any:
    """Draw |numeric - f'| / |f'| against s, with theory and the steps that reach kinks."""
    figure = style.empty(0.8 + 3.1 * len(findings), 4.0)
    panels = style.grid(figure, 1, len(findings), sharex=True, sharey=True)[0]
    for axes, finding in zip(panels, findings, strict=True):
        _draw(axes, finding)
        axes.set_xlabel("step size $s$, in units of the parameters")
        style.dress(axes, title=finding.title)
    panels[0].set_ylabel("relative error of the derivative")
    style.legend(figure, panels, 4)
    return figure


def _draw(axes: Any, finding: Any) -> None:
    """Draw one panel."""
    low, high = RANGE
    axes.set_xscale("log")
    axes.set_yscale("log")
    for name, errors in zip(finding.methods, finding.errors, strict=True):
        color, form = LOOK[name]
        y = np.clip(errors, low * 3, high)  # an error of 0 is drawn at the bottom
        axes.plot(finding.steps, y, form, color=color, markersize=3, linewidth=1.2, label=name)
    label, truncation = r"truncation, $s^2\,|f'''|\,/\,6\,|f'|$", finding.truncation
    shown = (truncation > low) & (truncation < high)  # NaN is not shown
    axes.plot(finding.steps[shown], truncation[shown], "--", color=style.GREY, linewidth=1, label=label)
    for rounding in finding.rounding:
        label = r"rounding, $\epsilon\,|f|\,/\,s\,|f'|$"
        shown = rounding < high
        axes.plot(finding.steps[shown], rounding[shown], ":", color=style.GREY, linewidth=1.2, label=label)
    label = "step size of gradcheck"
    axes.axvline(finding.standard, color=style.GREY, linewidth=1, linestyle="-.", label=label)
    if finding.kinks.any():
        first = finding.steps[int(np.argmax(finding.kinks > 0))]
        shade = {"color": style.ORANGE, "alpha": 0.12, "linewidth": 0, "label": "kinks within reach"}
        axes.axvspan(first, finding.steps[-1], **shade)
    axes.set_xlim(finding.steps[0], finding.steps[-1])
    axes.set_ylim(low, high)
