"""The error of numerical derivatives against their step."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import style

LOOK = {
    "central, float64": (style.BLUE, "o-"),
    "central, float32": (style.ORANGE, "s-"),
    "complex step": (style.GREEN, "^-"),
}
RANGE = 1e-17, 1e3  # of errors that are drawn


def step_sizes(*findings: Any) -> Any:
    """Draw |numeric - f'| / |f'| against s, a panel each, with what theory says and where kinks come within reach."""
    figure = style.empty(0.8 + 3.1 * len(findings), 4.0)
    panels = style.grid(figure, 1, len(findings), sharex=True, sharey=True)[0]
    handles: dict[str, Any] = {}
    for axes, one in zip(panels, findings, strict=True):
        for line in _draw(axes, one):
            handles.setdefault(line.get_label(), line)
        axes.set_title(one.title, loc="left", fontsize=10)
        axes.set_xlabel("step s, in units of the parameters")
        style.dress(axes, "")
    panels[0].set_ylabel("relative error of the derivative")
    figure.legend(
        handles=list(handles.values()), loc="outside lower center", ncols=4, frameon=False, fontsize=8
    )
    return figure


def _draw(axes: Any, one: Any) -> list[Any]:
    """One panel; returns what its legend names."""
    low, high = RANGE
    axes.set_xscale("log")
    axes.set_yscale("log")
    lines = []
    for name, errors in zip(one.methods, one.errors, strict=True):
        color, form = LOOK[name]
        y = np.clip(errors, low * 3, high)  # an error of 0 stands at the bottom
        lines += axes.plot(one.steps, y, form, color=color, markersize=3, linewidth=1.2, label=name)
    known = np.isfinite(one.truncation) & (one.truncation > low) & (one.truncation < high)
    label = "truncation, s² |f'''| / 6 |f'|"
    lines += axes.plot(
        one.steps[known], one.truncation[known], "--", color=style.GREY, linewidth=1, label=label
    )
    for rounding in one.rounding:
        label = "rounding, eps |f| / s |f'|"
        shown = rounding < high
        lines += axes.plot(
            one.steps[shown], rounding[shown], ":", color=style.GREY, linewidth=1.2, label=label
        )
    label = "step of gradcheck"
    lines.append(axes.axvline(one.standard, color=style.GREY, linewidth=1, linestyle="-.", label=label))
    if one.kinks.any():
        first = one.steps[int(np.argmax(one.kinks > 0))]
        shade = {"color": style.ORANGE, "alpha": 0.12, "linewidth": 0, "label": "kinks within reach"}
        lines.append(axes.axvspan(first, one.steps[-1], **shade))
    axes.set_xlim(one.steps[0], one.steps[-1])
    axes.set_ylim(low, high)
    return lines
