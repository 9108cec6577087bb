"""Confusion matrix of a classifier on a split."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import style

NUMBERED = 20  # classes up to which each cell shows its count
NAMED = 40  # classes up to which every class has its name


def confusion(report: Any, title: str = "") -> Any:
    """Draw the confusion matrix of a `ClassReport`: colours are shares of a row, numbers are counts."""
    K = len(report.names)
    size = min(12.0, 3.0 + 0.42 * K)
    figure = style.empty(size + 1.0, size)
    axes = figure.subplots()
    shares = report.confusion / np.maximum(report.samples, 1)[:, None]
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    style.color_bar(figure, image, axes, "share of the targets of a class")
    for k, j in np.argwhere(report.confusion) if K <= NUMBERED else ():
        color = "white" if shares[k, j] > 0.5 else "#202020"
        axes.text(j, k, f"{report.confusion[k, j]:,}", color=color, ha="center", va="center", fontsize=8)
    places = np.arange(0, K, -(-K // NAMED))
    names = [report.names[k] for k in places]
    axes.set_xticks(places, names, rotation=90 if max(map(len, names)) > 2 else 0, fontsize=8)
    axes.set_yticks(places, names, fontsize=8)
    axes.set_xlabel("prediction")
    axes.set_ylabel("target")
    axes.set_title(title, loc="left", fontsize=10)
    return figure
