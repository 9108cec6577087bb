"""∂h_T/∂h_t of single neurons, measured and by equation 4, one panel per layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import style

LINES = ((style.BLUE, "-", "o"), (style.ORANGE, "--", "s"), (style.GREEN, "-.", "^"), (style.GREY, ":", "D"))
LEAST = 1e-12  # smaller values are not drawn
DOTS = 24  # marks of the closed form along a line


def closed_form(*findings: Any) -> Any:
    """Draw |∂h_T/∂h_t|: lines by backpropagation, marks by equation 4; γ and 1/γ dashed."""
    columns = min(2, len(findings))
    figure = style.empty(1.0 + 4.6 * columns, 0.4 + 4.0 * -(-len(findings) // columns))
    panels = style.tiles(figure, len(findings), columns)
    for axes, finding in zip(panels, findings, strict=True):
        _panel(axes, finding)
    for axes in panels[::columns]:
        axes.set_ylabel(r"$|\partial h_T/\partial h_t|$")
    return figure


def _panel(axes: Any, finding: Any) -> None:
    """Draw the panel of one layer."""
    T = len(finding.measured)
    t = np.arange(1, T + 1)
    dots = np.unique(np.linspace(0, T - 1, DOTS).round().astype(int))
    for n, (color, line, mark) in zip(chosen(finding), LINES, strict=False):
        measured, closed = (_visible(a[:, n]) for a in (finding.measured, finding.closed))
        axes.plot(t, measured, color=color, linestyle=line, linewidth=1.4)
        axes.plot(t[dots], closed[dots], color=color, linestyle="", marker=mark, markersize=4.5,
                  markerfacecolor="none", label=f"neuron {n}, $u = {finding.u[n]:.5g}$")  # fmt: skip
    if finding.gamma is not None and finding.gamma > 1:
        for bound, name, side in (
            (finding.gamma, rf"$\gamma = {finding.gamma:g}$", "bottom"),
            (1 / finding.gamma, r"$1/\gamma$", "top"),
        ):
            axes.axhline(bound, color=style.GREY, linestyle=(0, (6, 3)), linewidth=0.9)
            axes.annotate(name, (0.45, bound), xycoords=axes.get_yaxis_transform(), fontsize=8, va=side)
    axes.set_yscale("log")
    style.dress(axes, title=f"{finding.title or f'layer {finding.layer}'} ({finding.activation})")
    axes.set_xlabel(style.STEP)
    axes.legend(
        frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2, title_fontsize=8,
        title="lines: backpropagation, marks: equation 4",
    )  # fmt: skip


def chosen(finding: Any) -> list[int]:
    """Return up to four neurons whose gradient reaches the first step, at even ranks of |u|.

    If no gradient reaches it, return the neurons whose gradient reaches furthest.
    """
    able = np.flatnonzero(finding.passed)
    if not able.size:
        able = np.argsort(-(finding.measured != 0).sum(axis=0), kind="stable")[: len(LINES)]
    ordered = able[np.argsort(np.abs(finding.u[able]), kind="stable")]
    places = np.unique(np.linspace(0, len(ordered) - 1, len(LINES)).round().astype(int))
    return [int(n) for n in ordered[places][::-1]]


def _visible(values: np.ndarray) -> np.ndarray:
    """Return absolute values, NaN below `LEAST`."""
    size = np.abs(values)
    return np.where(size >= LEAST, size, np.nan)
