"""Sizes of the updates, distances from the start, and entries of the gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import parameters, style


def updates(*findings: Any) -> Any:
    """Draw |update| / |parameter| as bars and the gradient's entries as a histogram, a row per network."""
    figure = style.empty(9, 0.6 + 3.0 * len(findings))
    panels = style.grid(figure, len(findings), 2)
    for (left, right), finding in zip(panels, findings, strict=True):
        parameters.bars(left, finding.names, finding.ratios)
        left.set_yscale("log")
        style.dress(left, "|update| / |parameter|", finding.title)
        counts, zeros = finding.counts.sum(axis=0), finding.zeros.sum() / finding.sizes.sum()
        right.stairs(counts, np.log10(finding.edges), fill=True, color=style.BLUE, alpha=0.75)
        right.set_xlim(*_range(finding.edges, finding.counts))
        style.dress(right, "entries", f"{100 * zeros:.3g} % of the gradient's entries are zero")
    panels[-1, 0].set_xlabel("parameter")
    panels[-1, 1].set_xlabel(r"$\log_{10} |g|$")
    return figure


def updates_film(*films: Any) -> Any:
    """Draw |update| / |parameter|, distances and histograms over the iterations, a row per network."""
    figure = style.empty(10.5, 0.9 + 2.9 * len(films))
    panels = style.grid(figure, len(films), 3)
    shares = [_shares(film.frames) for film in films]
    limits = style.decades(np.concatenate([share.ravel() for share in shares]))
    for (left, middle, right), film, share in zip(panels, films, shares, strict=True):
        frames, at = film.frames, film.iterations
        parameters.curves(left, at, frames[0].names, [frame.ratios for frame in frames])
        parameters.curves(middle, at, frames[0].names, [frame.distances for frame in frames])
        style.dress(left, "", f"{film.title}: |update| / |parameter|".lstrip(": "))
        style.dress(middle, "", "distance from the start")
        decades = np.log10(frames[0].edges)
        image = style.log_image(right, share, limits, (decades[0], decades[-1], -0.5, len(frames) - 0.5))
        right.set_xlim(*_range(frames[0].edges, share))
        style.name_iterations(right, at)
        zeros = frames[-1].zeros.sum() / frames[-1].sizes.sum()
        right.set_title(f"gradient; {100 * zeros:.3g} % zero at the end", loc="left", fontsize=10)
        right.set_ylabel("iteration")
        middle.set_xlim(left.get_xlim())
    for axes in panels[-1, :2]:
        axes.set_xlabel("iteration")
    panels[-1, 2].set_xlabel(r"$\log_{10}|g|$")
    style.color_bar(figure, image, list(panels[:, 2]), "share of the entries")
    style.legend(figure, panels[:, 0], 8)
    return figure


def _range(edges: Any, counts: Any) -> tuple[float, float]:
    """Return the limits of log10 |g| around the bins with entries."""
    used, decades = np.flatnonzero(counts.sum(axis=0)), np.log10(edges)
    return (decades[used[0]] - 0.5, decades[used[-1] + 1] + 0.5) if used.size else (decades[0], decades[-1])


def _shares(frames: Any) -> Any:
    """Return the share of the entries in each bin, (frames, bins)."""
    return np.stack([frame.counts.sum(axis=0) / frame.sizes.sum() for frame in frames])
