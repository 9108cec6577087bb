"""Arrays to try each differentiable op on: what goes in, what comes out, which gradients come back.

A case says nothing about how it is judged: `gradcheck` compares its gradients with finite differences,
`indrnn check` compares its twins with each other. Sizes default to odd numbers, as users' arrays have them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _check
from .case import Arrays, Case, draw_lengths
from .cell_cases import CELLS
from .language_cases import LANGUAGE

SIZES = {"T": 37, "B": 5, "D": 7, "H": 19, "K": 11}


def draw(name: str, seed: int = 0, **options: Any) -> Case:
    """The case of an op: sizes T, B, D, H, K and the op's own options by keyword."""
    _check.choice("gradcheck", "op", name, CASES)
    make = CASES[name]
    known = (*SIZES, *list(inspect.signature(make).parameters)[2:])
    for option in options:
        _check.choice("gradcheck", f"option of {name}", option, known)
    sizes = {**SIZES, **{k: options.pop(k) for k in SIZES if k in options}}
    for k, n in sizes.items():
        _check.at_least("gradcheck", k, n, 1)
    return make(np.random.default_rng(seed), sizes, **options)


def _recurrent_weight(rng: np.random.Generator, T: int, H: int) -> np.ndarray:
    bound = 2.0 ** (1.0 / T)
    return rng.uniform(-bound, bound, H)


def _recurrence(
    rng: np.random.Generator,
    n: dict[str, int],
    activation: str = "relu",
    lengths: bool = False,
    reverse: bool = False,
) -> Case:
    T, B, H = n["T"], n["B"], n["H"]
    arrays = {
        "a": rng.standard_normal((T, B, H)),
        "u": _recurrent_weight(rng, T, H),
        "h0": rng.standard_normal((B, H)),
    }
    kw = {
        "activation": activation,
        "lengths": draw_lengths(rng, T, B) if lengths else None,
        "reverse": reverse,
    }
    ends = {key: kw[key] for key in ("lengths", "reverse")}

    def forward(ops: Any, p: Arrays) -> tuple[dict[str, np.ndarray], Any]:
        h = ops.recurrence.forward(p["a"], p["u"], p["h0"], **kw)
        return {"h": h[1:], "last": ops.recurrence.last(h, **ends)}, h

    def backward(ops: Any, p: Arrays, h: Any, d: Arrays) -> dict[str, np.ndarray]:
        da, du, dh0 = ops.recurrence.backward(d["h"], h, p["u"], d["last"], **kw)
        return {"a": da, "u": du, "h0": dh0}

    return Case("recurrence", arrays, forward, backward, activation == "relu")


def _indrnn(
    rng: np.random.Generator,
    n: dict[str, int],
    activation: str = "relu",
    lengths: bool = False,
    reverse: bool = False,
) -> Case:
    T, B, D, H = n["T"], n["B"], n["D"], n["H"]
    arrays = {
        "x": rng.standard_normal((T, B, D)),
        "W": rng.standard_normal((H, D)) / np.sqrt(D),
        "u": _recurrent_weight(rng, T, H),
        "b": 0.1 * rng.standard_normal(H),
        "h0": rng.standard_normal((B, H)),
    }
    kw = {
        "activation": activation,
        "lengths": draw_lengths(rng, T, B) if lengths else None,
        "reverse": reverse,
    }
    ends = {key: kw[key] for key in ("lengths", "reverse")}

    def forward(ops: Any, p: Arrays) -> tuple[dict[str, np.ndarray], Any]:
        h = ops.indrnn.forward(p["x"], p["W"], p["u"], p["b"], p["h0"], **kw)
        return {"h": h[1:], "last": ops.recurrence.last(h, **ends)}, h

    def backward(ops: Any, p: Arrays, h: Any, d: Arrays) -> dict[str, np.ndarray]:
        found = ops.indrnn.backward(d["h"], p["x"], h, p["W"], p["u"], d["last"], **kw)
        return dict(zip(("x", "W", "u", "b", "h0"), found, strict=True))

    return Case("indrnn", arrays, forward, backward, activation == "relu")


def _affine(rng: np.random.Generator, n: dict[str, int]) -> Case:
    T, B, D, K = n["T"], n["B"], n["D"], n["K"]
    arrays = {
        "x": rng.standard_normal((T, B, D)),
        "W": rng.standard_normal((K, D)),
        "b": rng.standard_normal(K),
    }

    def forward(ops: Any, p: Arrays) -> tuple[dict[str, np.ndarray], Any]:
        return {"y": ops.affine.forward(p["x"], p["W"], p["b"])}, None

    def backward(ops: Any, p: Arrays, kept: Any, d: Arrays) -> dict[str, np.ndarray]:
        return dict(zip(("x", "W", "b"), ops.affine.backward(d["y"], p["x"], p["W"]), strict=True))

    return Case("affine", arrays, forward, backward)


def _batchnorm(
    rng: np.random.Generator,
    n: dict[str, int],
    lengths: bool = False,
    per_step: bool = False,
    eps: float = 1e-5,
) -> Case:
    T, B, H = n["T"], n["B"], n["H"]
    arrays = {
        "x": 2.0 + 3.0 * rng.standard_normal((T, B, H)),
        "scale": rng.standard_normal(H),
        "shift": rng.standard_normal(H),
    }
    kw = {"eps": eps, "lengths": draw_lengths(rng, T, B) if lengths else None, "per_step": per_step}

    def forward(ops: Any, p: Arrays) -> tuple[dict[str, np.ndarray], Any]:
        y, mean, var = ops.batchnorm.forward(p["x"], p["scale"], p["shift"], **kw)
        return {"y": y}, (mean, var)

    def backward(ops: Any, p: Arrays, kept: Any, d: Arrays) -> dict[str, np.ndarray]:
        found = ops.batchnorm.backward(d["y"], p["x"], *kept, p["scale"], **kw)
        return dict(zip(("x", "scale", "shift"), found, strict=True))

    return Case("batchnorm", arrays, forward, backward)


def _dropout(rng: np.random.Generator, n: dict[str, int], rate: float = 0.3) -> Case:
    key = (int(rng.integers(1 << 30)), 2, 5)

    def forward(ops: Any, p: Arrays) -> tuple[dict[str, np.ndarray], Any]:
        return {"y": ops.dropout.forward(p["x"], rate, key)}, None

    def backward(ops: Any, p: Arrays, kept: Any, d: Arrays) -> dict[str, np.ndarray]:
        return {"x": ops.dropout.backward(d["y"], rate, key)}

    return Case("dropout", {"x": rng.standard_normal((n["T"], n["B"], n["H"]))}, forward, backward)


def _loss(name: str, arrays: dict[str, np.ndarray], target: np.ndarray, mask: np.ndarray | None) -> Case:
    def forward(ops: Any, p: Arrays) -> tuple[dict[str, np.ndarray], Any]:
        wanted = target if target.dtype.kind in "iu" else target.astype(p["y"].dtype)
        loss, dy = getattr(ops, name).loss(p["y"], wanted, mask=mask)
        return {"loss": np.asarray(loss)}, dy

    def backward(ops: Any, p: Arrays, dy: Any, d: Arrays) -> dict[str, np.ndarray]:
        return {"y": dy}

    return Case(name, arrays, forward, backward)


def _softmax_cross_entropy(
    rng: np.random.Generator, n: dict[str, int], every: bool = False, mask: bool = False
) -> Case:
    shape = (n["T"], n["B"]) if every else (n["B"],)
    counted = _some(rng, shape) if mask else None
    return _loss(
        "softmax_cross_entropy",
        {"y": 3.0 * rng.standard_normal((*shape, n["K"]))},
        rng.integers(0, n["K"], shape),
        counted,
    )


def _mse(rng: np.random.Generator, n: dict[str, int], every: bool = False, mask: bool = False) -> Case:
    shape = (n["T"], n["B"]) if every else (n["B"],)
    counted = _some(rng, shape) if mask else None
    full = (*shape, n["K"])
    return _loss("mse", {"y": rng.standard_normal(full)}, rng.standard_normal(full), counted)


def _some(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    counted = rng.random(shape) < 0.6
    counted.flat[0] = True
    return counted


CASES: dict[str, Callable[..., Case]] = {
    "recurrence": _recurrence,
    "indrnn": _indrnn,
    "affine": _affine,
    "batchnorm": _batchnorm,
    "dropout": _dropout,
    "softmax_cross_entropy": _softmax_cross_entropy,
    "mse": _mse,
    **CELLS,
    **LANGUAGE,
}
