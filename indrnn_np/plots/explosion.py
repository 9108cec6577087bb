"""Growth of gradients over |u|, over the spectral radius of an RNN, over γ and over depth."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import style

COLORS = (style.BLUE, style.ORANGE, style.GREEN, style.GREY)  # for each T or depth
LINES = ("-", "--", "-.", ":")
MARKS = ("o", "x", "^", "s")
STRETCH = 0.01  # distance from 1 within which the scale of weights is linear; beyond it is logarithmic
TICKS = (0.01, 0.1, 0.5, 0.9, 0.99, 1, 1.01, 1.1, 2, 10, 100)
DECADES = 2.2  # decades that panels show beyond the limits


def explosion(*findings: Any) -> Any:
    """Draw four panels per finding: theory as lines, measurements as marks, limits as a band."""
    figure = style.empty(10, 7.6 * len(findings))
    panels = style.grid(figure, 2 * len(findings), 2)
    for i, finding in enumerate(findings):
        (single, dense), (bounded, deep) = panels[2 * i : 2 * i + 2]
        _weights(single, finding, False, "IndRNN: growth over its recurrent weight", "|u|")
        _weights(dense, finding, True, "RNN: growth over its recurrent matrix", r"\rho")
        _gammas(bounded, finding)
        _depths(deep, finding)
        for axes in (single, dense, bounded, deep):
            axes.set_yscale("log")
            axes.axhspan(*finding.limits, color=style.GREEN, alpha=0.1, linewidth=0)
            style.dress(axes, r"$\Vert\partial L/\partial h_1\Vert \,/\, \Vert\partial L/\partial h_T\Vert$")
            axes.set_ylim(finding.limits[0] / 10**DECADES, finding.limits[1] * 10**DECADES)
        bounded.set_ylim(0.1)
    return figure


def _weights(axes: Any, finding: Any, dense: bool, title: str, symbol: str) -> None:
    """Draw growth over the weight `symbol`: a colour for each T, a mark for each network."""
    chosen = [s for s, is_dense in enumerate(finding.dense) if is_dense == dense]
    for k, (T, w) in enumerate(zip(finding.steps, finding.weights, strict=True)):
        fine = np.geomspace(w[0], w[-1], 300)  # theory is curved on this scale
        _line(axes, fine, fine ** (T - 1), k, f"$T = {T}$: ${symbol}^{{T-1}}$")
        for mark, s in zip(MARKS, chosen, strict=False):
            _marks(axes, w, finding.growth[s, k], COLORS[k % len(COLORS)], mark)
    for mark, s in zip(MARKS, chosen, strict=False):
        _marks(axes, [], [], style.GREY, mark, finding.series[s].split(", ", 1)[-1])
    _around_1(axes, finding.weights)
    name = f"spectral radius ${symbol}$ of $U$" if dense else f"${symbol}$"
    axes.set_xlabel(f"{name} (scale stretched around 1)")
    axes.set_title(title, loc="left", fontsize=10)
    axes.legend(frameon=False, fontsize=8, loc="upper left")


def _gammas(axes: Any, finding: Any) -> None:
    """Draw the largest growth of a neuron within the bound."""
    for k, T in enumerate(finding.steps):
        _line(axes, finding.gammas, finding.gammas ** ((T - 1) / T), k, rf"$T = {T}$: $\gamma^{{(T-1)/T}}$")
        _marks(axes, finding.gammas, finding.grown[k], COLORS[k % len(COLORS)], MARKS[k % len(MARKS)])
    axes.set_xscale("log")
    axes.set_xlabel(r"$\gamma$ of the bound $|u| \leq \gamma^{1/T}$")
    axes.set_title("IndRNN within its bound: the largest growth of a neuron", loc="left", fontsize=10)
    axes.legend(frameon=False, fontsize=8, loc="lower right")


def _depths(axes: Any, finding: Any) -> None:
    """Draw growth over |u|, with a colour for each number of layers."""
    for k, L in enumerate(finding.depths):
        _line(axes, finding.deep_weights, finding.deep_theory[k], k, f"{L} layer{'s' if L > 1 else ''}")
        _marks(axes, finding.deep_weights, finding.deep[k], COLORS[k % len(COLORS)], MARKS[k % len(MARKS)])
    axes.set_xlabel("$|u|$ of all layers")
    theory = r"$\binom{T+L-2}{L-1}\,|u|^{T-1}$"
    title = f"$L$ IndRNNs in a stack, $T = {finding.depth_steps}$: {theory}"
    axes.set_title(title, loc="left", fontsize=10)
    axes.legend(frameon=False, fontsize=8, loc="lower right")


def _line(axes: Any, x: Any, y: Any, k: int, label: str) -> None:
    """Draw the theoretical values in the k-th colour and line style."""
    color, dashes = COLORS[k % len(COLORS)], LINES[k % len(LINES)]
    axes.plot(x, y, color=color, linestyle=dashes, linewidth=1.2, label=label)


def _marks(axes: Any, x: Any, y: Any, color: str, mark: str, label: str = "_nolegend_") -> None:
    """Draw the measured values."""
    ring = {"linestyle": "", "marker": mark, "markersize": 4.5, "markerfacecolor": "none"}
    axes.plot(x, y, color=color, label=label, **ring)


def _around_1(axes: Any, weights: np.ndarray) -> None:
    """Set a scale that resolves both a weight within 0.1 % of 1 and a factor of ten."""
    stretched = lambda w: np.arcsinh(np.log(np.maximum(w, 1e-12)) / STRETCH)  # noqa: E731
    axes.set_xscale("function", functions=(stretched, lambda z: np.exp(STRETCH * np.sinh(np.clip(z, -9, 9)))))
    axes.set_xlim(weights.min(), weights.max())
    ticks = [tick for tick in TICKS if weights.min() * 0.999 <= tick <= weights.max() * 1.001]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
