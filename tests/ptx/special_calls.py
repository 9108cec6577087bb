"""Calls that reach the branches of CUDA kernels that the arguments of the catalogue do not reach."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from indrnn_np._cuda.target import INTEGERS
from ptx.calls import BEHIND_H0, SIZES, Call, drawn

# Sizes for loops that the compiler unrolls, for several segments of rows, and for several symbols of a thread.
LARGER: dict[str, tuple[dict[str, int], ...]] = {
    "recurrence": ({"T": 40, "B": 5, "H": 8}, {"T": 192, "B": 2, "H": 3}, {"T": 2, "B": 170, "H": 2}),
    "indrnn": ({"T": 40, "B": 5, "H": 8}, {"T": 192, "B": 2, "H": 3}),
    "affine": ({"T": 210, "B": 5, "D": 3, "K": 5}, {"T": 7, "B": 10, "D": 33, "K": 129}),
    "batchnorm": ({"T": 300, "B": 2, "H": 3}, {"T": 70, "B": 17, "H": 33}, {"T": 3, "B": 40, "H": 2}),
    "layernorm": (
        {"T": 70, "B": 2, "H": 32}, {"T": 2, "H": 6}, {"T": 2, "H": 7},
        {"T": 3, "H": 120}, {"T": 3, "H": 300}, {"T": 2, "H": 1025},
    ),
    "dropout": ({"T": 70, "B": 7, "H": 33},),
    "embedding": (
        {"T": 50, "B": 3, "H": 2, "K": 700}, {"T": 50, "B": 3, "H": 2, "K": 3000}, {"T": 200, "B": 7, "H": 5, "K": 2},
    ),
    "softmax_cross_entropy": ({"T": 9, "K": 7}, {"T": 4, "K": 120}, {"T": 4, "K": 200}),
    "binary_cross_entropy": ({"T": 700, "B": 3, "K": 2},),
    "mse": ({"T": 700, "B": 3, "K": 2},),
    "gradient": ({"T": 2**9, "H": 160},),
    "rows": ({"T": 130, "B": 330, "D": 3, "H": 2},),
}  # fmt: skip

# The argument of a call that `out` may be.
IN_PLACE = {
    ("recurrence", "backward"): "dh",
    ("batchnorm", "forward"): "x",
    ("batchnorm", "backward"): "dy",
    ("batchnorm", "apply"): "x",
    ("layernorm", "forward"): "x",
    ("layernorm", "backward"): "dy",
    ("dropout", "forward"): "x",
    ("dropout", "backward"): "dy",
    ("softmax_cross_entropy", "loss"): "y",
    ("binary_cross_entropy", "loss"): "y",
    ("mse", "loss"): "y",
    ("rows", "add"): "a",
}

# Constants that make a thread do several turns of its loop on small arrays.
SMALL: dict[str, dict[str, int]] = {
    "batchnorm": {"batchnorm.cuda.SEGMENTS": 160, "batchnorm.cuda.SEGMENT_ROWS": 3},
    "layernorm": {
        "layernorm.cuda.GROUPS": 3, "layernorm.kernels.GROUPS": 3,
        "layernorm.cuda.SEGMENTS": 5, "layernorm.cuda.SEGMENT_ROWS": 4,
    },
    "softmax_cross_entropy": {"softmax_cross_entropy.cuda.GROUPS": 5, "mse.cuda.COUNTERS": 3},
    "binary_cross_entropy": {"binary_cross_entropy.cuda.THREADS": 7, "mse.cuda.COUNTERS": 3},
    "mse": {"mse.cuda.THREADS": 7, "mse.cuda.COUNTERS": 3},
    "gradient": {"gradient.cuda.PARTS": 70, "gradient.cuda.FOLD": 5},
    "finite": {"finite.cuda.THREADS": 7},
    "embedding": {"embedding.cuda.CHECKERS": 7, "embedding.cuda.CHUNKS": 50, "embedding.cuda.CHUNK": 3},
}  # fmt: skip


def small_constants(op: str, patch: pytest.MonkeyPatch) -> bool:
    """Replace the constants of an op by small ones; return whether it has any."""
    for place, value in SMALL.get(op, {}).items():
        module, name = place.rsplit(".", 1)
        patch.setattr(importlib.import_module(f"indrnn_np.ops.{module}"), name, value)
    return op in SMALL


def special(op: str, name: str, dtype: str, **fixed: Any) -> Iterator[Call]:
    """Yield the special calls of a function."""
    sizes = tuple({"T": 5, "B": 3, "D": 2, "H": 4, "K": 6} | size for size in LARGER.get(op, ()))
    yield from drawn(op, name, dtype, sizes, **fixed)
    for call in drawn(op, name, dtype, SIZES + sizes, **fixed):
        if (op, name) in IN_PLACE and isinstance(call.arguments[IN_PLACE[op, name]], np.ndarray):
            yield call.changed("in place", out=call.arguments[IN_PLACE[op, name]])
        for change in CHANGES.get((op, name), ()):
            yield from change(call)


def without_some_gradients(call: Call) -> Iterator[Call]:
    """dh or dhT is None."""
    yield call.changed("dh=None", dh=None)
    yield call.changed("dhT=None", dhT=None)


def _without_the_input_gradient(call: Call) -> Iterator[Call]:
    yield call.changed("no dx", input_gradient=False)


def _over_the_pre_activations(call: Call) -> Iterator[Call]:
    yield call.changed("in place", out=BEHIND_H0)


def _integers(argument: str) -> Callable[[Call], Iterator[Call]]:
    """Symbols or labels of every integer type."""

    def change(call: Call) -> Iterator[Call]:
        for kind in INTEGERS:
            if call.arguments[argument].max() <= np.iinfo(kind).max:
                yield call.changed(kind, **{argument: call.arguments[argument].astype(kind)})

    return change


def _wrong(argument: str) -> Callable[[Call], Iterator[Call]]:
    """The last label, symbol or target is out of range, and the reference refuses it."""

    def change(call: Call) -> Iterator[Call]:
        for kind in INTEGERS if call.arguments[argument].dtype.kind == "i" else (call.dtype,):
            array = call.arguments[argument].astype(kind)
            array.flat[-1] = 127
            yield call.changed(f"{kind} out of range", **{argument: array})

    return change


def _not_finite(argument: str) -> Callable[[Call], Iterator[Call]]:
    """NaN, Inf and -Inf in rows of their own."""

    def change(call: Call) -> Iterator[Call]:
        array = call.arguments[argument].copy()
        rows = array.reshape(-1, array.shape[-1])
        for row, value in zip(rows, (np.nan, np.inf, -np.inf), strict=False):
            row[len(row) // 2] = value
        yield call.changed("NaN and Inf", **{argument: array})

    return change


def _steps_without_samples(call: Call) -> Iterator[Call]:
    """The longest sample ends before the last time step."""
    lengths = call.arguments["lengths"]
    if lengths is not None and lengths.max() > 1:
        yield call.changed("the last step is empty", lengths=np.minimum(lengths, lengths.max() - 1))


CHANGES: dict[tuple[str, str], tuple[Callable[[Call], Iterator[Call]], ...]] = {
    ("recurrence", "forward"): (_over_the_pre_activations,),
    ("recurrence", "backward"): (without_some_gradients,),
    ("indrnn", "backward"): (without_some_gradients, _without_the_input_gradient),
    ("batchnorm", "statistics"): (_steps_without_samples,),
    ("embedding", "forward"): (_integers("ids"), _wrong("ids")),
    ("embedding", "backward"): (_integers("ids"),),
    ("layernorm", "forward"): (_not_finite("x"),),
    ("softmax_cross_entropy", "loss"): (_integers("target"), _wrong("target"), _not_finite("y")),
    ("binary_cross_entropy", "loss"): (_wrong("target"),),
}
