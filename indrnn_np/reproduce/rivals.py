"""Comparisons with LSTM and GRU that the papers lack: sequential MNIST, its depth, text, and small series.

mnist-rivals, mnist-permuted-rivals   equal parameters, about 86,500, and equal minutes on 2 cores
mnist-depth                           equal width, 64 units, and equal minutes on 2 cores
shakespeare-rivals                    equal parameters, about 192,000, and equal minutes on 2 cores
NAME-rivals                           equal width, 2 x 128, and equal iterations: the rivals take more minutes

The iterations of the budgeted form make the minutes equal; `indrnn reproduce --dry` estimated them (docs/tables.md).
"""

from __future__ import annotations

from typing import Any

from .rows import NEW, Row

MNIST: dict[str, Any] = {
    "task": "mnist", "preset": "paper", "batch": 64, "dropout": 0.0, "weight_decay": 0.0, "lr": 2e-3,
    "schedule": "one-cycle", "clip_value": 0.0, "clip_norm": 1.0, "validate_every": 891,
}  # fmt: skip
# Learning rates other than 2e-3. On the pixels in order an LSTM learns nothing at 5e-4 and 2e-3 (docs/tables.md).
RATES = {"mnist-rivals/lstm": 2e-4, "mnist-depth/lstm-1": 2e-4, "mnist-depth/lstm-6": 2e-4}
# Settings of a model, and its iterations in 25 minutes.
EQUAL_PARAMETERS: dict[str, tuple[dict[str, Any], int]] = {
    "indrnn": (
        {"layers": 6, "hidden": 128, "weight_decay": 1e-4, "clip_norm": 0.0, "clip_value": 10.0},
        7128,
    ),
    "lstm": ({"cell": "lstm", "layers": 1, "hidden": 145, "batchnorm": False}, 6500),
    "gru": ({"cell": "gru", "layers": 1, "hidden": 168, "batchnorm": False}, 6900),
}
# The same for 10 minutes.
DEPTH: dict[str, tuple[dict[str, Any], int]] = {
    "indrnn-6": ({"layers": 6}, 7600),
    "indrnn-12": ({"layers": 12}, 3200),
    "indrnn-21": ({"network": "residual", "blocks": 10, "norm_place": "before"}, 1200),
    "lstm-1": ({"cell": "lstm", "layers": 1, "batchnorm": False}, 7900),
    "lstm-6": ({"cell": "lstm", "layers": 6, "batchnorm": False}, 1300),
}
# Settings of a model, and its epochs in 3 minutes. Of 4e-3, 8e-3 and 1.6e-2, each rate was the best after 4 epochs.
TEXT: dict[str, Any] = {
    "task": "chars", "preset": "paper", "schedule": "one-cycle", "batchnorm": False, "layernorm": True,
    "norm_place": "after", "per_step": False,
}  # fmt: skip
TEXT_CELLS: dict[str, tuple[dict[str, Any], float]] = {
    "indrnn": ({"layers": 3, "hidden": 256, "lr": 8e-3}, 20.0),
    "lstm": ({"cell": "lstm", "layers": 1, "hidden": 154, "lr": 1.6e-2}, 17.0),
}
SERIES: dict[str, Any] = {
    "task": "uea", "iterations": 10_000, "layers": 2, "hidden": 128, "batchnorm": True, "dropout": 0.2,
    "input_init": "kaiming", "lr": 2e-3, "schedule": "one-cycle", "standardise": True,
}  # fmt: skip
PROBLEMS = ("JapaneseVowels", "ItalyPowerDemand", "GunPoint", "ArrowHead", "BasicMotions")


def _mnist(table: str, model: str, settings: dict[str, Any], iterations: int) -> Row:
    name = f"{table}/{model}"
    own = {"lr": RATES.get(name, MNIST["lr"]), "iterations": 10 * iterations, "permuted": "permuted" in table}
    return Row(name, None, NEW, MNIST | own | settings, {"iterations": iterations})


def _series(problem: str, cell: str) -> Row:
    full = SERIES | {"name": problem, "cell": cell}
    return Row(f"{problem}-rivals/{cell}", None, f"{NEW}; --data uea=DIR", full, {"iterations": 3000})


ROWS = (
    *(
        _mnist(table, model, *known)
        for table in ("mnist-rivals", "mnist-permuted-rivals")
        for model, known in EQUAL_PARAMETERS.items()
    ),
    *(
        _mnist("mnist-depth", model, {"hidden": 64} | settings, count)
        for model, (settings, count) in DEPTH.items()
    ),
    *(
        Row(f"shakespeare-rivals/{model}", None, f"{NEW}; --data chars=FILE", TEXT | cell | {"epochs": 10 * epochs},
            {"epochs": epochs})
        for model, (cell, epochs) in TEXT_CELLS.items()
    ),
    *(_series(problem, cell) for problem in PROBLEMS for cell in ("indrnn", "lstm", "gru")),
)  # fmt: skip
