"""What is lost when back-propagation is cut."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import style

LETTERS = {"u": "o-", "U": "o-", "W": "s--"}  # what a layer's gradients are drawn with
COLORS = (style.BLUE, style.ORANGE, style.GREEN)
LEAST = 1e-7  # smaller ones are rounding


def truncation(*findings: Any) -> Any:
    """Draw bias (upper row) and standard deviation of du and dW against k, a column for each network.

    Drawn are the recurrent layers' weights; gradients that no cut changes, such as the read-out's, are left out.
    """
    figure = style.empty(1.2 + 4.3 * len(findings), 6.2)
    panels = style.grid(figure, 2, len(findings), sharex=True, sharey="row")
    for column, one in zip(panels.T, findings, strict=True):
        for axes, values in zip(column, (one.bias, one.deviation), strict=True):
            for name, color, form in _lines(one):
                y = values[:, one.names.index(name)]
                y = np.where(y > 0, np.maximum(y, LEAST), np.nan)  # the full gradient has no bias
                axes.plot(one.cuts, y, form, color=color, label=f"d{name}", markersize=4, linewidth=1.3)
            axes.set_xscale("log")
            axes.set_yscale("log")
        column[0].set_title(one.title, loc="left", fontsize=10)
        column[0].legend(frameon=False, fontsize=8, loc="lower left")
        column[1].set_xlabel("steps k before the gradient is cut")
    for axes in panels.ravel():
        style.dress(axes, "")
    panels[0, 0].set_ylabel("bias ‖E g_k - E g‖ / ‖E g‖")
    panels[1, 0].set_ylabel("standard deviation / ‖E g‖")
    figure.suptitle(
        f"Truncated back-propagation, {findings[0].batches} batches", fontsize=11, x=0.01, ha="left"
    )
    return figure


def _lines(one: Any) -> list[tuple[str, str, str]]:
    """Name, colour (by layer) and form (by letter) of the gradients to draw: at most three layers, first to last."""
    named = [name.rpartition(".") for name in one.names[1:]]
    changed = {name for p, name in enumerate(one.names) if np.nanmax(one.bias[:, p], initial=0) > LEAST}
    found = [
        (layer, letter) for layer, _, letter in named if letter in LETTERS and f"{layer}.{letter}" in changed
    ]
    layers = list(dict.fromkeys(layer for layer, _ in found))
    shown = layers if len(layers) <= 3 else [layers[0], layers[len(layers) // 2], layers[-1]]
    return [
        (f"{layer}.{letter}", COLORS[shown.index(layer)], LETTERS[letter])
        for layer, letter in found
        if layer in shown
    ]
