"""Noise of the gradient: noise scale, signal-to-noise ratios and cosines between samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import parameters, style
from .style import BLUE, GREY, ORANGE

BINS = 40


def noise(*findings: Any) -> Any:
    """Draw signal-to-noise ratios as bars and cosines as a histogram, a row per network."""
    figure = style.empty(9, 0.6 + 3.0 * len(findings))
    panels = style.grid(figure, len(findings), 2)
    for (left, right), finding in zip(panels, findings, strict=True):
        parameters.bars(left, finding.names, finding.ratios)
        left.axhline(1.0, color=GREY, linewidth=1)
        style.dress(left, "signal-to-noise ratio", finding.title)
        known = finding.cosines[np.isfinite(finding.cosines)]
        right.hist(known, np.linspace(-1, 1, BINS + 1), color=BLUE, alpha=0.75)
        right.set_xticks(np.linspace(-1, 1, 5))
        style.dress(right, "pairs of samples", f"noise scale: {finding.scale_in_words}")
    panels[-1, 0].set_xlabel("parameter")
    panels[-1, 1].set_xlabel("cosine of two samples' gradients")
    return figure


def noise_film(*films: Any) -> Any:
    """Draw noise scale, signal-to-noise ratios and cosines over the iterations, a row per network."""
    figure = style.empty(10.5, 0.9 + 2.9 * len(films))
    panels = style.grid(figure, len(films), 3, sharex=True)
    for (left, middle, right), film in zip(panels, films, strict=True):
        frames, at = film.frames, film.iterations
        left.plot(at, [frame.scale for frame in frames], "o-", color=BLUE, markersize=3, linewidth=1.4)
        left.axhline(frames[0].samples, color=ORANGE, linestyle="--", linewidth=1)
        left.set_yscale("log")
        style.dress(left, "noise scale (dashed: samples measured)", film.title)
        parameters.curves(middle, at, frames[0].names, [frame.ratios for frame in frames])
        middle.axhline(1.0, color=GREY, linewidth=0.8)
        style.dress(middle, "", "signal-to-noise ratio")
        mean, size = ([np.nanmean(f(frame.cosines)) for frame in frames] for f in (np.positive, np.abs))
        right.plot(at, mean, color=BLUE, linewidth=1.4, label="mean")
        right.plot(at, size, "--", color=ORANGE, linewidth=1.4, label="mean of the absolute value")
        right.set_ylim(-1.05, 1.05)
        right.legend(frameon=False, fontsize=8, loc="lower left")
        style.dress(right, "", "cosine of two samples' gradients")
    for axes in panels[-1]:
        axes.set_xlabel("iteration")
    style.legend(figure, panels[:, 1], 8)
    return figure
