"""Arrays to try the cells with a recurrent matrix on, as op_cases does for the other ops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .case import Arrays, Case, draw_lengths

Rng = np.random.Generator
Sizes = dict[str, int]


def _weights(rng: Rng, n: Sizes, gates: int, biases: str, states: str) -> dict[str, np.ndarray]:
    """x, W, U, biases and initial states; U of a size that lets gradients live over the steps."""
    T, B, D, H = n["T"], n["B"], n["D"], n["H"]
    arrays = {
        "x": rng.standard_normal((T, B, D)),
        "W": rng.standard_normal((gates * H, D)) / np.sqrt(D),
        "U": rng.standard_normal((gates * H, H)) / np.sqrt(H),
    }
    arrays |= {name: 0.1 * rng.standard_normal(gates * H) for name in biases}
    return arrays | {f"{name}0": rng.standard_normal((B, H)) for name in states}


def _ends(rng: Rng, n: Sizes, lengths: bool, reverse: bool) -> dict[str, Any]:
    return {"lengths": draw_lengths(rng, n["T"], n["B"]) if lengths else None, "reverse": reverse}


def _rnn(rng: Rng, n: Sizes, activation: str = "tanh", lengths: bool = False, reverse: bool = False) -> Case:
    ends = _ends(rng, n, lengths, reverse)

    def forward(ops: Any, p: Arrays) -> tuple[dict[str, np.ndarray], Any]:
        h = ops.rnn.forward(p["x"], p["W"], p["U"], p["b"], p["h0"], activation, **ends)
        return {"h": h[1:], "last": ops.recurrence.last(h, **ends)}, h

    def backward(ops: Any, p: Arrays, h: Any, d: Arrays) -> dict[str, np.ndarray]:
        found = ops.rnn.backward(d["h"], p["x"], h, p["W"], p["U"], d["last"], activation, **ends)
        return dict(zip(("x", "W", "U", "b", "h0"), found, strict=True))

    return Case("rnn", _weights(rng, n, 1, "b", "h"), forward, backward, activation == "relu")


def _lstm(rng: Rng, n: Sizes, lengths: bool = False, reverse: bool = False) -> Case:
    ends = _ends(rng, n, lengths, reverse)

    def forward(ops: Any, p: Arrays) -> tuple[dict[str, np.ndarray], Any]:
        h, c, gates = ops.lstm.forward(*(p[name] for name in ("x", "W", "U", "b", "h0", "c0")), **ends)
        last = {f"last {name}": ops.recurrence.last(state, **ends) for name, state in (("h", h), ("c", c))}
        return {"h": h[1:], **last}, (h, c, gates)

    def backward(ops: Any, p: Arrays, kept: Any, d: Arrays) -> dict[str, np.ndarray]:
        last = d["last h"], d["last c"]
        found = ops.lstm.backward(d["h"], p["x"], *kept, p["W"], p["U"], *last, **ends)
        return dict(zip(("x", "W", "U", "b", "h0", "c0"), found, strict=True))

    return Case("lstm", _weights(rng, n, 4, "b", "hc"), forward, backward)


def _gru(rng: Rng, n: Sizes, lengths: bool = False, reverse: bool = False) -> Case:
    ends = _ends(rng, n, lengths, reverse)

    def forward(ops: Any, p: Arrays) -> tuple[dict[str, np.ndarray], Any]:
        h, gates = ops.gru.forward(*(p[name] for name in ("x", "W", "U", "b", "c", "h0")), **ends)
        return {"h": h[1:], "last": ops.recurrence.last(h, **ends)}, (h, gates)

    def backward(ops: Any, p: Arrays, kept: Any, d: Arrays) -> dict[str, np.ndarray]:
        found = ops.gru.backward(d["h"], p["x"], *kept, p["W"], p["U"], d["last"], **ends)
        return dict(zip(("x", "W", "U", "b", "c", "h0"), found, strict=True))

    return Case("gru", _weights(rng, n, 3, "bc", "h"), forward, backward)


CELLS: dict[str, Callable[..., Case]] = {"rnn": _rnn, "lstm": _lstm, "gru": _gru}
