"""Arrays to try the ops of language models on, as op_cases does for the other ops."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .. import layers
from .case import Arrays, Case


def _embedding(rng: np.random.Generator, n: dict[str, int], factors: bool = False) -> Case:
    T, B, H, V = n["T"], n["B"], n["H"], n["K"]
    ids = rng.integers(0, V, (T, B))
    ids[ids == V - 1] = 0  # one symbol that does not occur, if there are two
    kept = rng.standard_normal(V) if factors else None

    def given(p: Arrays) -> Any:
        return None if kept is None else kept.astype(p["E"].dtype)

    def forward(ops: Any, p: Arrays) -> tuple[dict[str, np.ndarray], Any]:
        return {"y": ops.embedding.forward(ids, p["E"], given(p))}, None

    def backward(ops: Any, p: Arrays, kept: Any, d: Arrays) -> dict[str, np.ndarray]:
        return {"E": ops.embedding.backward(d["y"], ids, V, given(p))}

    return Case("embedding", {"E": rng.standard_normal((V, H))}, forward, backward)


def _layernorm(rng: np.random.Generator, n: dict[str, int], eps: float = 1e-5) -> Case:
    T, B, H = n["T"], n["B"], n["H"]
    arrays = {
        "x": 2.0 + 3.0 * rng.standard_normal((T, B, H)),
        "scale": rng.standard_normal(H),
        "shift": rng.standard_normal(H),
    }

    def forward(ops: Any, p: Arrays) -> tuple[dict[str, np.ndarray], Any]:
        y, mean, rstd = ops.layernorm.forward(p["x"], p["scale"], p["shift"], eps)
        return {"y": y}, (mean, rstd)

    def backward(ops: Any, p: Arrays, kept: Any, d: Arrays) -> dict[str, np.ndarray]:
        found = ops.layernorm.backward(d["y"], p["x"], *kept, p["scale"])
        return dict(zip(("x", "scale", "shift"), found, strict=True))

    return Case("layernorm", arrays, forward, backward)


LANGUAGE: dict[str, Callable[..., Case]] = {"embedding": _embedding, "layernorm": _layernorm}


def language_stacks(
    rng: np.random.Generator, x: np.ndarray, lengths: np.ndarray, symbols: int
) -> Iterator[tuple[str, list[layers.Layer], dict[str, Any]]]:
    """Title, layers and what gradcheck is given, for the layers of language models and a small one of them."""
    T, B, D = x.shape
    ids, following = rng.integers(0, symbols, (2, T, B))
    yield "layer LayerNorm", [layers.LayerNorm(D)], {"x": x}
    yield "layer Embedding", [layers.Embedding(symbols, D, 0.5, 0.3)], {"x": ids, "lengths": lengths}
    stack = [layers.Embedding(symbols, D, 0.5, 0.2), layers.BatchNorm(D, per_step=True, positions=2 * T)]
    stack += [layers.Recurrence(D, gamma=1.0), layers.Tied(D, symbols)]
    told = {"x": ids, "y": following, "loss": "softmax_cross_entropy"}
    yield "layer Tied, behind Embedding and BatchNorm by position", stack, told
