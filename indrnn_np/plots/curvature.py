"""Eigenvalues and traces of the Hessian and the Gauss-Newton matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import style
from .style import BLUE, GREEN, ORANGE

SMALLEST = 1e-3  # eigenvalues below this share of the largest one are drawn on a linear scale
# Field of a finding, label and look of its line.
MATRICES = (
    ("hessian", "Hessian", {"color": BLUE, "linestyle": "-"}),
    ("gauss_newton", "Gauss-Newton", {"color": ORANGE, "linestyle": "--"}),
)
LOWEST = {"color": GREEN, "linestyle": ":", "label": "smallest of the Hessian"}


def curvature(*findings: Any) -> Any:
    """Draw the eigenvalues by rank, a panel per network."""
    figure = style.empty(1.0 + 4.2 * len(findings), 3.8)
    panels = style.grid(figure, 1, len(findings), sharey=True)[0]
    for axes, finding in zip(panels, findings, strict=True):
        for field, label, look in MATRICES:
            values = getattr(finding, field)
            marker = "o" if len(values) <= 20 else ""
            axes.plot(
                np.arange(1, len(values) + 1), values, marker=marker, label=label, linewidth=1.4, **look
            )
        axes.axhline(finding.lowest, linewidth=1.2, **LOWEST)
        style.dress(axes, title=finding.title)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_xlabel("rank")
    _scale(panels, findings)
    panels[0].set_ylabel("eigenvalue")
    style.legend(figure, panels[:1], 3)
    return figure


def curvature_film(*films: Any) -> Any:
    """Draw loss, eigenvalues and traces over the iterations, a row per network."""
    figure = style.empty(10.5, 0.9 + 2.9 * len(films))
    panels = style.grid(figure, len(films), 3, sharex=True)
    for (left, middle, right), film in zip(panels, films, strict=True):
        frames, at = film.frames, film.iterations
        left.plot(at, [frame.loss for frame in frames], "o-", color=BLUE, markersize=3, linewidth=1.4)
        style.dress(left, "loss of the batch", film.title)
        _draw_eigenvalues(middle, at, frames)
        for i, (_, _, look) in enumerate(MATRICES):
            mean, error = (np.array([f.traces[i] for f in frames]), np.array([f.errors[i] for f in frames]))
            right.plot(at, mean, linewidth=1.4, **look)
            right.fill_between(at, mean - error, mean + error, color=look["color"], alpha=0.2, linewidth=0)
        style.dress(right, "", "traces")
        left.set_yscale("log")
        right.set_yscale("log" if all(min(frame.traces - frame.errors) > 0 for frame in frames) else "linear")
    for axes in panels[-1]:
        axes.set_xlabel("iteration")
    style.legend(figure, panels[:1, 1], 3)
    return figure


def _draw_eigenvalues(axes: Any, at: Any, frames: Any) -> None:
    """Draw the largest eigenvalues as lines, and the others of the Hessian as small marks."""
    for field, label, look in MATRICES:
        axes.plot(at, [getattr(frame, field)[0] for frame in frames], label=label, linewidth=1.6, **look)
    axes.plot(at, [frame.lowest for frame in frames], linewidth=1.6, **LOWEST)
    others = np.stack([frame.hessian[1:] for frame in frames])
    times = np.repeat(at, others.shape[1])
    axes.plot(times, others.ravel(), linestyle="", marker="_", color=BLUE, markersize=6, alpha=0.5)
    _scale([axes], frames)
    style.dress(axes, "", "eigenvalues")


def _scale(panels: Any, findings: Any) -> None:
    """Scale y logarithmically on both sides of a linear part around zero."""
    high = max(max(finding.hessian[0], finding.gauss_newton[0]) for finding in findings)
    low = max(-finding.lowest for finding in findings)
    least = np.floor(np.log10((max(high, low) or 1.0) * SMALLEST))
    above, below = (10.0 ** np.arange(least, np.log10(max(end, 1e-300)) + 0.5) for end in (high, low))
    for axes in panels:
        axes.set_yscale("symlog", linthresh=10**least, linscale=0.6)
        axes.yaxis.set_ticks([*-below[::-1], 0.0, *above])
        axes.axhline(0.0, color=style.GREY, linewidth=0.6)
