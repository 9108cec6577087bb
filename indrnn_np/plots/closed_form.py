"""∂h_T/∂h_t of single neurons, measured and by equation 4, in one panel a layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import style

LINES = ((style.BLUE, "-", "o"), (style.ORANGE, "--", "s"), (style.GREEN, "-.", "^"), (style.GREY, ":", "D"))
LEAST = 1e-12  # what is smaller leaves the panel
DOTS = 24  # of the closed form along a line


def closed_form(*findings: Any) -> Any:
    """Draw |∂h_T/∂h_t| of some neurons: lines by backpropagation, marks by equation 4; γ and 1/γ dashed."""
    columns = min(2, len(findings))
    rows = -(-len(findings) // columns)
    figure = style.empty(1.0 + 4.6 * columns, 0.4 + 4.0 * rows)
    panels = style.grid(figure, rows, columns).ravel()
    for axes, one in zip(panels, findings, strict=False):
        _panel(axes, one)
    for axes in panels[len(findings) :]:
        axes.set_visible(False)
    for axes in panels[::columns]:
        axes.set_ylabel("|∂h_T/∂h_t|")
    return figure


def _panel(axes: Any, one: Any) -> None:
    T = len(one.measured)
    t = np.arange(1, T + 1)
    dots = np.unique(np.linspace(0, T - 1, DOTS).round().astype(int))
    for n, (color, line, mark) in zip(chosen(one), LINES, strict=False):
        measured, closed = (_visible(a[:, n]) for a in (one.measured, one.closed))
        axes.plot(t, measured, color=color, linestyle=line, linewidth=1.4)
        axes.plot(t[dots], closed[dots], color=color, linestyle="", marker=mark, markersize=4.5,
                  markerfacecolor="none", label=f"neuron {n}, u = {one.u[n]:.5g}")  # fmt: skip
    if one.gamma is not None and one.gamma > 1:
        for bound, name, side in ((one.gamma, f"γ = {one.gamma:g}", "bottom"), (1 / one.gamma, "1/γ", "top")):
            axes.axhline(bound, color=style.GREY, linestyle=(0, (6, 3)), linewidth=0.9)
            axes.annotate(name, (0.45, bound), xycoords=axes.get_yaxis_transform(), fontsize=8, va=side)
    axes.set_yscale("log")
    style.dress(axes, "")
    axes.set_xlabel("step t")
    whose = one.title or f"layer {one.layer}"
    axes.set_title(f"{whose} ({one.activation})", loc="left", fontsize=10)
    axes.legend(
        frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2, title_fontsize=8,
        title="lines: backpropagation, marks: equation 4",
    )  # fmt: skip


def chosen(one: Any) -> list[int]:
    """Up to four neurons: the smallest and the largest |u| and two between, of those that pass a gradient all the way.

    Without such neurons those that pass it furthest.
    """
    able = np.flatnonzero(one.passed)
    if not able.size:
        able = np.argsort(-(one.measured != 0).sum(axis=0), kind="stable")[: len(LINES)]
    ordered = able[np.argsort(np.abs(one.u[able]), kind="stable")]
    places = np.unique(np.linspace(0, len(ordered) - 1, len(LINES)).round().astype(int))
    return [int(n) for n in ordered[places][::-1]]


def _visible(values: np.ndarray) -> np.ndarray:
    """Sizes; NaN where they leave the panel."""
    size = np.abs(values)
    return np.where(size >= LEAST, size, np.nan)
