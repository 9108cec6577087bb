"""Online gradients compared with BPTT: cosines by parameter, along training, and learning curves of the rules."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from . import style

COLORS = (style.BLUE, style.ORANGE, style.GREEN, style.GREY)  # for each recurrent layer, or each way to train
FORMS = {"W": "s-", "u": "o--", "nu": "o--", "b": "^:"}  # marker and line of each kind of parameter
COSINE = "cosine with the gradient of BPTT"


def online(*findings: Any) -> Any:
    """Draw the cosine of each parameter, a panel per network, a marker for each rule."""
    rows = max(len(finding.names) for finding in findings)
    figure = style.empty(1.2 + 4.0 * len(findings), 1.4 + 0.3 * rows)
    panels = style.grid(figure, 1, len(findings), sharex=True)[0]
    for axes, finding in zip(panels, findings, strict=True):
        places = np.arange(len(finding.names))
        for rule, cosine, color, marker in zip(finding.rules, finding.cosine, COLORS, "so^", strict=False):
            axes.plot(cosine, places, marker, color=color, markersize=6, alpha=0.8, label=rule)
        axes.set_yticks(places, finding.names)
        axes.invert_yaxis()
        style.dress(axes, title=finding.title)
        axes.set_xlabel(COSINE)
    style.legend(figure, panels, 3)
    return figure


def online_film(*films: Any) -> Any:
    """Draw the cosines of the recurrent layers' parameters over the iterations: a row per network, a panel per rule."""
    columns = max(len(film.frames[0].rules) for film in films)
    figure = style.empty(1.0 + 3.1 * columns, 0.9 + 2.7 * len(films))
    panels = style.grid(figure, len(films), columns, sharex="row", sharey="row")
    for row, film in zip(panels, films, strict=True):
        first, cosines = film.frames[0], np.stack([frame.cosine for frame in film.frames])  # (F, R, P)
        for axes, rule, values in zip(row, first.rules, np.moveaxis(cosines, 1, 0), strict=False):
            for name, color, form in _lines(first.names):
                look = {"color": color, "markersize": 4, "linewidth": 1.3}
                axes.plot(film.iterations, values[:, first.names.index(name)], form, label=name, **look)
            style.dress(axes, title=f"{film.title}, {rule}")
            axes.set_xlabel("iteration")
            axes.tick_params(labelleft=axes is row[0])
        for axes in row[len(first.rules) :]:
            axes.set_visible(False)
        row[0].set_ylabel(COSINE)
    style.legend(figure, panels.ravel(), 6)
    return figure


def _lines(names: Sequence[str]) -> list[tuple[str, str, str]]:
    """Return name, colour (layer) and form (kind) of the parameters of at most four recurrent layers."""
    split = [(name, *name.rpartition(".")[::2]) for name in names]
    layers = [layer for _, layer, letter in split if letter in ("u", "nu")][: len(COLORS)]
    return [
        (name, COLORS[layers.index(layer)], FORMS[letter])
        for name, layer, letter in split
        if layer in layers and letter in FORMS
    ]


def online_training(result: dict[str, Any], path: str | Path) -> Path:
    """Draw the results of benchmarks/online_training.py into a PNG file: the error over the iterations by T."""
    lengths = sorted({run["steps"] for run in result["runs"]})
    figure = style.empty(1.0 + 4.2 * len(lengths), 3.9)
    panels = style.grid(figure, 1, len(lengths), sharey=True)[0]
    ways = list(dict.fromkeys(run["way"] for run in result["runs"]))
    for axes, steps in zip(panels, lengths, strict=True):
        for run in (run for run in result["runs"] if run["steps"] == steps):
            color, name = COLORS[ways.index(run["way"])], run["way"] if run["seed"] == 0 else None
            axes.plot(run["iterations"], run["errors"], color=color, linewidth=1.3, alpha=0.85, label=name)
        axes.axhline(1 / 6, color=style.GREY, linestyle="--", linewidth=1)
        axes.set_yscale("log")
        style.dress(axes, title=f"adding problem, T = {steps}")
        axes.set_xlabel("iteration (update of the parameters)")
    panels[0].set_ylabel("mean squared error of the validation")
    style.legend(figure, panels, 4)
    return style.save(figure, path)
