"""Comparisons that the papers lack: copying memory, a small text, spoken vowels. Rivals train as the IndRNN does."""

from __future__ import annotations

import math
from typing import Any

from .rows import Row

DELAYS = (100, 500)
NEW = "no paper has it"
ITERATIONS = {100: 4000, 500: 4000}


def _copying(delay: int, model: str) -> Row:
    blind = 10 * math.log(8) / (delay + 20)
    cell = {} if model == "indrnn" else {"cell": model, "batchnorm": False, "layers": 1}
    full: dict[str, Any] = {"task": "copying", "delay": delay, "iterations": 20_000, **cell}
    says = f"{NEW}; without memory {blind:.4f} nats"
    return Row(f"copying-{delay}/{model}", None, says, full, {"iterations": ITERATIONS[delay]})


# The same number of parameters, as near as whole units allow, and the same minutes on the same machine.
TEXT: dict[str, Any] = {"task": "chars", "epochs": 100.0, "minutes": 60.0}
CELLS: dict[str, dict[str, Any]] = {
    "indrnn-3": {"layers": 3, "hidden": 256},
    "lstm": {
        "cell": "lstm",
        "layers": 1,
        "hidden": 150,
        "batchnorm": False,
        "bn_place": "after",
        "bn_per_step": False,
    },
}

ROWS = (
    *(_copying(delay, model) for delay in DELAYS for model in ("indrnn", "lstm", "rnn-tanh")),
    *(
        Row(f"shakespeare/{model}", None, f"{NEW}; the text: --data chars=FILE", TEXT | cell, {"minutes": 10.0})
        for model, cell in CELLS.items()
    ),
    Row("vowels/indrnn", None, f"{NEW}; the files: --data uea=DIR",
        {"task": "uea", "name": "JapaneseVowels", "epochs": 120.0}, {"epochs": 60.0}),
)  # fmt: skip
