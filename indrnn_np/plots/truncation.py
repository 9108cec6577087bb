"""Bias and standard deviation of truncated back-propagation."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import style

LETTERS = {"u": "o-", "nu": "o-", "U": "o-", "W": "s--"}  # markers and lines of the parameters
COLORS = (style.BLUE, style.ORANGE, style.GREEN)
LEAST = 1e-7  # smaller values are rounding errors


def truncation(*findings: Any) -> Any:
    """Draw bias (upper row) and standard deviation of du and dW against k, a column per network.

    Gradients that truncation does not change, such as those of the read-out, are left out.
    """
    figure = style.empty(1.2 + 4.3 * len(findings), 6.2)
    panels = style.grid(figure, 2, len(findings), sharex=True, sharey="row")
    for column, finding in zip(panels.T, findings, strict=True):
        for axes, values in zip(column, (finding.bias, finding.deviation), strict=True):
            for name, color, form in _lines(finding):
                y = values[:, finding.names.index(name)]
                y = np.where(y > 0, np.maximum(y, LEAST), np.nan)  # the full gradient has no bias
                look = {"color": color, "markersize": 4, "linewidth": 1.3}
                axes.plot(finding.cuts, y, form, label=_symbol(name), **look)
            axes.set_xscale("log")
            axes.set_yscale("log")
        style.dress(column[0], title=finding.title)
        style.dress(column[1])
        column[0].legend(frameon=False, fontsize=8, loc="lower left")
        column[1].set_xlabel("time steps $k$ before truncation")
    panels[0, 0].set_ylabel(r"bias $\Vert E g_k - E g\Vert\,/\,\Vert E g\Vert$")
    panels[1, 0].set_ylabel(r"standard deviation $/\,\Vert E g\Vert$")
    title = f"Truncated back-propagation, {findings[0].batches} batches"
    figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    return figure


def _symbol(name: str) -> str:
    """Return the gradient of a parameter such as "0.u" as mathtext with its layer."""
    layer, _, letter = name.rpartition(".")
    return f"$d{letter.replace('nu', 'ν')}$ of layer {layer}"


def _lines(finding: Any) -> list[tuple[str, str, str]]:
    """Return name, colour (layer) and marker (letter) of the gradients of at most three layers."""
    largest = np.nanmax(finding.bias, axis=0, initial=0)
    changed = [name for name, bias in zip(finding.names, largest, strict=True) if bias > LEAST]
    split = [(name, *name.rpartition(".")[::2]) for name in changed]
    named = [(name, layer, letter) for name, layer, letter in split if letter in LETTERS]
    layers = list(dict.fromkeys(layer for _, layer, _ in named))
    shown = layers if len(layers) <= 3 else [layers[0], layers[len(layers) // 2], layers[-1]]
    return [
        (name, COLORS[shown.index(layer)], LETTERS[letter]) for name, layer, letter in named if layer in shown
    ]
