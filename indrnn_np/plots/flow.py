"""How the gradient goes through layers and time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import style

COLORS = (style.BLUE, style.GREEN, style.ORANGE, style.GREY)
FACTOR = 30.0  # within it a ratio counts as kept


def depth(result: dict[str, Any], path: str | Path) -> Path:
    """Draw what benchmarks/depth.py measured into a PNG file: the gradient norm of each layer over that of the last,
    at the first measurement (dashed) and at the end of training; and the first layer's over the iterations.
    """
    figure = style.empty(10, 4.2)
    left, right = figure.subplots(1, 2)
    for color, record in zip(COLORS, result["networks"], strict=False):
        first, last = (_shares(record["measured"][i]["norms"]) for i in (0, -1))
        places = range(1, len(first) + 1)
        left.plot(places, first, color=color, linestyle="--", linewidth=1)
        left.plot(places, last, color=color, linewidth=1.6, marker="o", markersize=3, label=record["name"])
        times = [one["iteration"] for one in record["measured"]]
        ratios = [_shares(one["norms"])[0] for one in record["measured"]]
        right.plot(times, ratios, color=color, linewidth=1.6, marker="o", markersize=3, label=record["name"])
    right.axhspan(1 / FACTOR, FACTOR, color=style.BLUE, alpha=0.08, linewidth=0)
    for axes, label in (
        (left, "‖∂L/∂h‖ of the layer over the last one's"),
        (right, "the same of the first layer"),
    ):
        axes.set_yscale("log")
        style.dress(axes, label)
    left.xaxis.get_major_locator().set_params(integer=True)
    left.set_xlabel("recurrent layer (dashed: before training)")
    right.set_xlabel("iteration (update of the parameters)")
    left.set_title(f"{result['task']}, {result['hidden']} units", loc="left", fontsize=11)
    left.legend(frameon=False, fontsize=8)
    figure.savefig(path)
    return Path(path)


def _shares(norms: list[float]) -> list[float]:
    """Each norm over the last one; what has underflowed is drawn at the smallest number."""
    return [max(norm, 1e-300) / max(norms[-1], 1e-300) for norm in norms]
