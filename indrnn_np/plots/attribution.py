"""Terms of time steps and biases in an output."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import style

BARS = 8  # largest number of biases; the others share a bar


def attribution(*findings: Any) -> Any:
    """Draw the terms of sample 0: over time, and as bars that add up to the output; a row per network.

    Marked steps are labelled, or else the two largest terms.
    """
    heights = [max(2.6, 1.0 + 0.25 * len(_bars(finding))) for finding in findings]
    figure = style.empty(10, 0.4 + sum(heights))
    panels = style.grid(figure, len(findings), 2, width_ratios=[3, 1], height_ratios=heights)
    for (left, right), finding in zip(panels, findings, strict=True):
        _draw_steps(left, finding)
        _draw_bars(right, finding)
    panels[-1, 0].set_xlabel(style.STEP)
    panels[-1, 1].set_xlabel("term")
    return figure


def _draw_steps(axes: Any, finding: Any) -> None:
    """Draw the term of each time step as a line from 0, with labels at the marked steps."""
    terms = finding.steps[:, 0]
    t = np.arange(1, len(terms) + 1)
    axes.vlines(t, 0, terms, color=style.BLUE, linewidth=1.0)
    axes.axhline(0, color=style.GREY, linewidth=0.6)
    marked = finding.marks if len(finding.marks) else finding.largest(2)[:, 0] + 1
    at = terms[marked - 1]
    axes.vlines(marked, 0, at, color=style.ORANGE, linewidth=1.2)
    axes.plot(marked, at, "o", color=style.ORANGE, markersize=5)
    for step, term in zip(marked, at, strict=True):
        style.annotate(axes, f"t = {step}: {term:.2f}", (step, term), box=True)
    style.dress(axes, r"$\langle \partial y / \partial x_t,\, x_t \rangle$", finding.title)
    axes.set_xlim(-0.02 * len(terms), 1.16 * len(terms))  # room for the label of the last step
    axes.margins(y=0.12)


def _draw_bars(axes: Any, finding: Any) -> None:
    """Draw the sum over the time steps, the terms of the biases, and the output."""
    bars = _bars(finding)
    places, values = np.arange(len(bars)), np.array([value for _, value in bars])
    colors = [style.ORANGE, *[style.GREY] * (len(bars) - 2), style.GREEN]
    axes.barh(places, values, color=colors, height=0.7)
    axes.axvline(0, color=style.GREY, linewidth=0.6)
    axes.set_yticks(places, [f"{name}: {value:.2f}" for name, value in bars], fontsize=8)
    axes.set_ylim(len(bars) - 0.4, -0.6)
    style.dress(axes, title="terms that add up to $y$")
    axes.grid(False, axis="y")


def _bars(finding: Any) -> list[tuple[str, float]]:
    """Return name and value of the bars: time steps, the largest biases, the other biases, and the output."""
    order = np.argsort(-np.abs(finding.biases[:, 0]), kind="stable")
    shown, rest = np.sort(order[:BARS]), order[BARS:]
    bars = [("time steps", float(finding.steps[:, 0].sum()))]
    bars += [(finding.names[n], float(finding.biases[n, 0])) for n in shown]
    if len(rest):
        bars.append((f"{len(rest)} others", float(finding.biases[rest, 0].sum())))
    return [*bars, ("output y", float(finding.output[0]))]
