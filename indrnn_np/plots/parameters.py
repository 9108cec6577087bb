"""Numbers of parameters such as "0.W": a colour for each layer, a line style for each letter."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import style

LAYERS = (style.BLUE, style.ORANGE, style.GREEN, style.GREY)
LETTERS = {"W": "-", "u": "--", "nu": "--", "U": "--", "b": ":"}


def bars(axes: Any, names: Any, values: Any) -> None:
    """Draw a bar for each parameter."""
    looks, heights = _looks(names), dict(zip(map(str, names), values, strict=True))
    colors = [look["color"] for look in looks.values()]
    axes.bar(list(looks), [heights[name] for name in looks], color=colors)
    axes.tick_params(axis="x", labelsize=8)


def curves(axes: Any, iterations: Any, names: Any, values: Any) -> None:
    """Draw a line for each parameter over the iterations, from positive values (iterations, parameters)."""
    positive = np.where(np.asarray(values) > 0, values, np.nan)
    columns = dict(zip(map(str, names), positive.T, strict=True))
    for name, look in _looks(names).items():
        axes.plot(iterations, columns[name], linewidth=1.4, label=name, **look)
    axes.set_yscale("log")


def _looks(names: Any) -> dict[str, dict[str, Any]]:
    """Return colour and line style of the parameters.

    Of more than four layers, only the first, the middle and the last one are drawn.
    """
    split = {str(name): str(name).rpartition(".")[::2] for name in names}
    layers = list(dict.fromkeys(layer for layer, _ in split.values()))
    shown = layers if len(layers) <= len(LAYERS) else [layers[0], layers[len(layers) // 2], layers[-1]]
    return {
        name: {"color": LAYERS[shown.index(layer)], "linestyle": LETTERS.get(letter, "-.")}
        for name, (layer, letter) in split.items() if layer in shown
    }  # fmt: skip
