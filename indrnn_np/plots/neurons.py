"""States of neurons, their contributions to the output, and errors of single neurons."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import style
from .style import BLUE, GREEN, GREY, ORANGE

NAMED = ((BLUE, "-"), (ORANGE, "--"), (GREEN, "-."))  # lines of the neurons in the legend
MOST = 3  # largest number of inputs that are drawn
BARS = 20  # largest number of neurons in a ranking


def traces(*findings: Any) -> Any:
    """Draw states over time: a column per network, the input on top, then a panel per layer.

    The neurons with the largest states have a colour and a name; marked steps are thin lines.
    """
    drawable = [finding.x.ndim == 2 and finding.x.shape[1] <= MOST for finding in findings]
    above, layers = any(drawable), max(len(finding.layers) for finding in findings)
    figure = style.empty(0.8 + 6.2 * len(findings), 0.7 + 1.1 * above + 2.1 * layers)
    heights = [1.1] * above + [2.1] * layers
    panels = style.grid(figure, layers + above, len(findings), sharex="col", height_ratios=heights)
    for column, finding, with_input in zip(panels.T, findings, drawable, strict=True):
        column[0].set_title(finding.title, loc="left", fontsize=10)
        if with_input:
            _draw_input(column[0], finding)
        elif above:
            column[0].set_visible(False)
        parts = finding.of_layers()
        for k, axes in enumerate(column[above:]):
            if k >= len(parts):
                axes.set_visible(False)
                continue
            _draw_states(axes, finding, *parts[k])
        column[above + len(parts) - 1].set_xlabel(style.STEP)
        column[above + len(parts) - 1].tick_params(labelbottom=True)
    return figure


def _draw_input(axes: Any, finding: Any) -> None:
    """Draw the input sequence; with marked steps, the first input, with points at the marks."""
    t = np.arange(1, len(finding.x) + 1)
    values = finding.x[:, :1] if len(finding.marks) else finding.x
    for column, (color, dashes) in zip(values.T, NAMED, strict=False):
        color = GREY if len(finding.marks) else color
        axes.plot(t, column, color=color, linestyle=dashes, linewidth=0.5, alpha=0.8)
    if len(finding.marks):
        at = finding.x[finding.marks - 1, 0]
        axes.plot(finding.marks, at, "o", color=ORANGE, markersize=5)
        for mark, value in zip(finding.marks, at, strict=True):
            style.annotate(axes, f"{value:.2f}", (mark, value), box=True)
    style.dress(axes, "input $x_t$")


def _draw_states(axes: Any, finding: Any, name: str, part: slice) -> None:
    """Draw all neurons of a layer in grey, those with the largest states in colour."""
    h, numbers = finding.h[:, part], finding.neurons[part]
    t = np.arange(1, len(h) + 1)
    first = np.argsort(-np.abs(h).max(axis=0), kind="stable")[: len(NAMED)]
    rest = np.setdiff1d(np.arange(h.shape[1]), first)
    if len(rest):
        axes.plot(t, h[:, rest], color=GREY, linewidth=0.5, alpha=0.5)
    for n, (color, dashes) in zip(first, NAMED, strict=False):
        axes.plot(t, h[:, n], color=color, linestyle=dashes, linewidth=1.2, label=f"neuron {numbers[n]}")
    for mark in finding.marks:
        axes.axvline(mark, color=GREY, linewidth=0.7, linestyle=":")
    style.dress(axes, f"$h_t$ of layer {name}")
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def ranking(*findings: Any) -> Any:
    """Draw the contributions of the first neurons, and the variance that each explains alone."""
    figure = style.empty(9, 0.5 + 2.5 * len(findings))
    panels = style.grid(figure, len(findings), 2, sharey="col")
    for (left, right), finding in zip(panels, findings, strict=True):
        shown = slice(0, BARS)
        names = [str(n) for n in finding.neurons[shown]]
        for axes, values, color in ((left, finding.share, BLUE), (right, finding.alone, GREEN)):
            axes.bar(range(len(names)), 100 * values[shown], color=color, width=0.75)
            axes.set_xticks(range(len(names)), names, fontsize=7, rotation=90)
            axes.set_xlabel(f"neuron of layer {finding.layer}")
        rest = len(finding.neurons) - len(names)
        title = f"{finding.title}: " if finding.title else ""
        title += f"the first {len(names)}" + (f", {rest} more" if rest else "")
        style.dress(left, "share of the variation\nof the output / %", title)
        style.dress(right, "variance of the target\nexplained alone / %")
        right.set_ylim(0, 100)
    return figure


def one_neuron(*findings: Any) -> Any:
    """Draw the error with one neuron, with the errors of the network and of the constant output."""
    heights = [1.1 + 0.28 * len(finding.neurons) for finding in findings]
    figure = style.empty(7.5, sum(heights))
    panels = style.grid(figure, len(findings), 1, sharex=True, height_ratios=heights)[:, 0]
    for axes, finding in zip(panels, findings, strict=True):
        places = np.arange(len(finding.neurons))
        axes.plot(finding.errors, places, "o", color=BLUE, markersize=6)
        for place, value in zip(places, finding.errors, strict=True):
            style.annotate(axes, f"{value:.3g}", (value, place), box=True)
        label = f"the whole network: {finding.whole:.3g}"
        axes.axvline(finding.whole, color=GREEN, linewidth=1.4, label=label)
        label = f"best constant output: {finding.blind:.3g}"
        axes.axvline(finding.blind, color=ORANGE, linestyle="--", linewidth=1.4, label=label)
        axes.set_yticks(places, [str(n) for n in finding.neurons])
        axes.set_ylim(len(places) - 0.4, -0.6)
        style.dress(axes, f"kept neuron\nof layer {finding.layer}")
        axes.grid(False, axis="y")
        axes.set_title(finding.title, loc="left", fontsize=10, pad=22)
        axes.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderpad=0)
        axes.set_xscale("log")
        high = max(finding.errors.max(), finding.blind)
        axes.set_xlim(max(0.6 * min(finding.errors.min(), finding.whole), 1e-9 * high), 2 * high)
        axes.set_xlabel("mean squared error" if finding.loss == "mse" else "cross-entropy / nats")
    return figure
