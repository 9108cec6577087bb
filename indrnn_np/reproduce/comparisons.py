"""Comparisons that the papers lack: copying memory, a small text, spoken vowels."""

from __future__ import annotations

import math
from typing import Any

from .rows import NEW, Row

DELAYS = (100, 500)
ITERATIONS = {100: 4000, 500: 4000}
COPYING: dict[str, Any] = {
    "task": "copying", "iterations": 20_000, "batch": 50, "validate_every": 500, "batchnorm": True,
    "input_init": "kaiming", "last_init": "uniform", "lr": 2e-3, "schedule": "one-cycle", "clip_norm": 1.0,
}  # fmt: skip
VOWELS: dict[str, Any] = {
    "task": "uea", "name": "JapaneseVowels", "epochs": 120.0, "batchnorm": True, "dropout": 0.2,
    "input_init": "kaiming", "lr": 2e-3, "schedule": "one-cycle", "standardise": True,
}  # fmt: skip


def _copying(delay: int, model: str) -> Row:
    blind = 10 * math.log(8) / (delay + 20)
    cell: dict[str, Any] = {"cell": model}
    if model not in ("indrnn", "rotating"):  # the rivals have one layer without batch norm
        cell |= {"batchnorm": False, "layers": 1}
    full = {**COPYING, "delay": delay, **cell}
    statement = f"{NEW}; without memory {blind:.4f} nats"
    return Row(f"copying-{delay}/{model}", None, statement, full, {"iterations": ITERATIONS[delay]})


# Equal numbers of parameters, up to rounding to whole units (191,937 and 192,723 for 65 symbols), and equal
# training times: epochs in inverse proportion to the time of an iteration. Each model has a full one-cycle schedule.
TEXT: dict[str, Any] = {"task": "chars", "preset": "paper", "schedule": "one-cycle", "lr": 2e-3}
CELLS: dict[str, tuple[dict[str, Any], float]] = {
    "indrnn-3": ({"layers": 3, "hidden": 256, "norm_place": "after"}, 40.0),
    "lstm": ({"cell": "lstm", "layers": 1, "hidden": 154, "batchnorm": False}, 43.0),
}  # settings, and epochs of the budgeted form

ROWS = (
    *(_copying(delay, model) for delay in DELAYS for model in ("indrnn", "rotating", "lstm", "rnn-tanh")),
    *(
        Row(f"shakespeare/{model}", None, f"{NEW}; the text: --data chars=FILE", TEXT | cell | {"epochs": 4 * epochs},
            {"epochs": epochs})
        for model, (cell, epochs) in CELLS.items()
    ),
    Row("vowels/indrnn", None, f"{NEW}; the files: --data uea=DIR",
        VOWELS, {"epochs": 60.0}),
)  # fmt: skip
