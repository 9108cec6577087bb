"""The scan over time in a network: maps of chunks, memory of chunks, and errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from . import style
from .style import BLUE, GREEN, GREY, ORANGE

ROUNDING = 2.0**-24  # of a float32 number


def parallel(*findings: Any) -> Any:
    """Draw the maps of the neuron with the longest memory, the memory of chunks, and the errors; a row per layer."""
    rows = [(finding, k) for finding in findings for k in range(len(finding.layers))]
    figure = style.empty(10.5, 1.1 + 2.3 * len(rows))
    panels = style.grid(figure, len(rows), 3)
    for (left, middle, right), (finding, k) in zip(panels, rows, strict=True):
        _draw_maps(left, finding, k)
        _draw_memory(middle, finding, k)
        _draw_errors(right, finding, k)
    labels = ("state before the steps", "steps of a chunk", "serial error / ulp")
    for axes, label in zip(panels[-1], labels, strict=True):
        axes.set_xlabel(label)
    style.legend(figure, panels.ravel(), 5)
    return figure


def _draw_maps(axes: Any, finding: Any, k: int) -> None:
    """Draw the state after 1, 4, 16, ... steps over the state before them: clamps of affine maps for relu."""
    colors = np.linspace(0.85, 0.0, len(finding.map_steps))
    for steps, after, share in zip(finding.map_steps, finding.map_to[k], colors, strict=True):
        label = f"{steps} step" + ("s" if steps > 1 else "")
        axes.plot(finding.map_from[k], after, color=_mixed(share), linewidth=1.6, label=label)
    axes.locator_params(nbins=4)
    axes.ticklabel_format(scilimits=(-3, 4))
    name = f"{finding.title}, layer {finding.layers[k]}".lstrip(", ")
    style.dress(axes, "state after them", f"{name}: maps of neuron {finding.map_neuron[k]}")


def _mixed(share: float) -> tuple[float, ...]:
    """Return a colour between blue (0) and light grey (1)."""
    blue, light = np.array([0.07, 0.35, 0.6]), np.array([0.78, 0.84, 0.9])
    return tuple(blue + share * (light - blue))


def _draw_memory(axes: Any, finding: Any, k: int) -> None:
    """Draw the largest and the median |Π u φ'| over the chunk length."""
    _, part = finding.of_layers()[k]
    memory = finding.memory[:, part]
    floor = 2.0**-40
    for values, color, label in (
        (memory.max(axis=1), ORANGE, "neuron with the longest memory"),
        (np.median(memory, axis=1), GREEN, "median of the neurons"),
    ):
        axes.plot(
            finding.spans,
            np.maximum(values, floor),
            "o-",
            color=color,
            markersize=4,
            linewidth=1.2,
            label=label,
        )
    axes.axhline(ROUNDING, color=GREY, linestyle=":", linewidth=1, label="rounding of float32")
    axes.axvline(finding.chunk[k], color=GREY, linestyle="--", linewidth=1, label="chunk of the scan")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_ylim(floor / 2, max(4.0, 2 * memory.max()))
    closed = finding.closed[part].mean()
    style.dress(axes, r"largest $|\Pi\, u\, \varphi'|$ of a chunk", f"{closed:.0%} of the gates are closed")


def _draw_errors(axes: Any, finding: Any, k: int) -> None:
    """Draw the error of the scan over the serial one, a point per neuron, and the limit 1.5 x + 2."""
    _, part = finding.of_layers()[k]
    serial, found = finding.serial_error[part], finding.scan_error[part]
    most = max(1.0, 1.1 * serial.max(), 1.1 * found.max())
    line = np.array([0.0, most])
    axes.plot(line, line, color=GREY, linewidth=0.8, label="equal errors")
    axes.plot(line, 1.5 * line + 2, color=GREY, linewidth=0.8, linestyle="-.", label="limit")
    axes.plot(serial, found, "o", color=BLUE, markersize=4, alpha=0.6, markeredgewidth=0)
    axes.set_xlim(0, most)
    axes.set_ylim(0, 1.5 * most + 2.5)
    exact, passes = f"{finding.exact_columns[k]:,} of {finding.columns[k]:,}", finding.passes[k]
    done = f"{passes} pass{'es' if passes > 1 else ''}; {exact} columns exact"
    style.dress(axes, "scan error / ulp", done, size=9)


def long_training(result: dict[str, Any], path: str | Path) -> Path:
    """Draw the results of benchmarks/long_adding.py into a PNG file: the error over the time, a line for each form."""
    figure = style.empty(7.5, 4.2)
    axes = style.grid(figure, 1, 1)[0, 0]
    for run, color, dashes in zip(result["runs"], (GREY, BLUE, ORANGE), ("-", "-", "--"), strict=True):
        minutes = [seconds / 60 for seconds in run["seconds"]]
        axes.plot(minutes, run["errors"], color=color, linestyle=dashes, linewidth=1.3, label=run["form"])
    axes.axhline(1 / 6, color=GREY, linestyle=":", linewidth=1, label="blind guess")
    axes.set_yscale("log")
    sizes = f"B = {result['batch']}, {result['layers']} layers of {result['hidden']} units"
    style.dress(
        axes, "mean squared error of the validation", f"adding problem, T = {result['steps']:,}; {sizes}"
    )
    axes.set_xlabel("minutes")
    style.legend(figure, [axes], 4)
    return style.save(figure, path)
