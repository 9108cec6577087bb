"""States of neurons over one sequence, contributions to the output, and errors of single neurons."""

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
    drawable = [one.x.ndim == 2 and one.x.shape[1] <= MOST for one in findings]
    above, layers = any(drawable), max(len(one.layers) for one in findings)
    figure = style.empty(0.8 + 6.2 * len(findings), 0.7 + 1.1 * above + 2.1 * layers)
    heights = [1.1] * above + [2.1] * layers
    panels = style.grid(figure, layers + above, len(findings), sharex="col", height_ratios=heights)
    for column, one, with_input in zip(panels.T, findings, drawable, strict=True):
        column[0].set_title(one.title, loc="left", fontsize=10)
        if with_input:
            _draw_input(column[0], one)
        elif above:
            column[0].set_visible(False)
        parts = one.of_layers()
        for k, axes in enumerate(column[above:]):
            if k >= len(parts):
                axes.set_visible(False)
                continue
            _draw_states(axes, one, *parts[k])
        column[above + len(parts) - 1].set_xlabel(style.STEP)
        column[above + len(parts) - 1].tick_params(labelbottom=True)
    return figure


def _draw_input(axes: Any, one: Any) -> None:
    """Draw the input sequence; with marked steps, the first input, with points at the marks."""
    t = np.arange(1, len(one.x) + 1)
    values = one.x[:, :1] if len(one.marks) else one.x
    for column, (color, dashes) in zip(values.T, NAMED, strict=False):
        color = GREY if len(one.marks) else color
        axes.plot(t, column, color=color, linestyle=dashes, linewidth=0.5, alpha=0.8)
    if len(one.marks):
        at = one.x[one.marks - 1, 0]
        axes.plot(one.marks, at, "o", color=ORANGE, markersize=5)
        for mark, value in zip(one.marks, at, strict=True):
            style.annotate(axes, f"{value:.2f}", (mark, value), box=True)
    style.dress(axes, "input $x_t$")


def _draw_states(axes: Any, one: Any, name: str, part: slice) -> None:
    """Draw all neurons of a layer in grey, those with the largest states in colour."""
    h, numbers = one.h[:, part], one.neurons[part]
    t = np.arange(1, len(h) + 1)
    first = np.argsort(-np.abs(h).max(axis=0), kind="stable")[: len(NAMED)]
    rest = np.setdiff1d(np.arange(h.shape[1]), first)
    if len(rest):
        axes.plot(t, h[:, rest], color=GREY, linewidth=0.5, alpha=0.5)
    for n, (color, dashes) in zip(first, NAMED, strict=False):
        axes.plot(t, h[:, n], color=color, linestyle=dashes, linewidth=1.2, label=f"neuron {numbers[n]}")
    for mark in one.marks:
        axes.axvline(mark, color=GREY, linewidth=0.7, linestyle=":")
    style.dress(axes, f"$h_t$ of layer {name}")
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def ranking(*findings: Any) -> Any:
    """Draw the contributions of the first neurons, and the variance of the target that each explains alone."""
    figure = style.empty(9, 0.5 + 2.5 * len(findings))
    panels = style.grid(figure, len(findings), 2, sharey="col")
    for (left, right), one in zip(panels, findings, strict=True):
        shown = slice(0, BARS)
        names = [str(n) for n in one.neurons[shown]]
        for axes, values, color in ((left, one.share, BLUE), (right, one.alone, GREEN)):
            axes.bar(range(len(names)), 100 * values[shown], color=color, width=0.75)
            axes.set_xticks(range(len(names)), names, fontsize=7, rotation=90)
            axes.set_xlabel(f"neuron of layer {one.layer}")
        rest = len(one.neurons) - len(names)
        title = f"{one.title}: " if one.title else ""
        title += f"the first {len(names)}" + (f", {rest} more" if rest else "")
        style.dress(left, "share of the variation\nof the output / %", title)
        style.dress(right, "variance of the target\nexplained alone / %")
        right.set_ylim(0, 100)
    return figure


def one_neuron(*findings: Any) -> Any:
    """Draw the error with one neuron, with the errors of the network and of the constant output."""
    heights = [1.1 + 0.28 * len(one.neurons) for one in findings]
    figure = style.empty(7.5, sum(heights))
    panels = style.grid(figure, len(findings), 1, sharex=True, height_ratios=heights)[:, 0]
    for axes, one in zip(panels, findings, strict=True):
        places = np.arange(len(one.neurons))
        axes.plot(one.errors, places, "o", color=BLUE, markersize=6)
        for place, value in zip(places, one.errors, strict=True):
            style.annotate(axes, f"{value:.3g}", (value, place), box=True)
        axes.axvline(one.whole, color=GREEN, linewidth=1.4, label=f"the whole network: {one.whole:.3g}")
        label = f"best constant output: {one.blind:.3g}"
        axes.axvline(one.blind, color=ORANGE, linestyle="--", linewidth=1.4, label=label)
        axes.set_yticks(places, [str(n) for n in one.neurons])
        axes.set_ylim(len(places) - 0.4, -0.6)
        style.dress(axes, f"kept neuron\nof layer {one.layer}")
        axes.grid(False, axis="y")
        axes.set_title(one.title, loc="left", fontsize=10, pad=22)
        axes.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderpad=0)
        axes.set_xscale("log")
        high = max(one.errors.max(), one.blind)
        axes.set_xlim(max(0.6 * min(one.errors.min(), one.whole), 1e-9 * high), 2 * high)
        axes.set_xlabel("mean squared error" if one.loss == "mse" else "cross-entropy / nats")
    return figure
