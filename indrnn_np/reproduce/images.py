"""Sequential and permuted MNIST: Li et al. 2019, arXiv:1910.06251, table 2; settings of the authors' later code.

The curves come from the authors' training logs (validation with batch statistics, epochs of 1700
batches of 32).
"""

from __future__ import annotations

from typing import Any

from . import published
from .rows import Row

BATCHES = 1700
MARGIN = 0.05  # 3000 images give a standard error of 0.007, and early in training runs differ by more
NETWORKS: dict[str, dict[str, Any]] = {
    "plain-6": {"layers": 6},
    "plain-12": {"layers": 12},
    "residual-12": {"network": "residual", "blocks": 5},
    "dense": {"network": "dense", "growth": 16, "dropout_places": "first=0.2,dense=0.2"},
}
PAPER = {
    "mnist": {"plain-6": 0.99, "plain-12": 0.9937, "residual-12": 0.9939, "dense": 0.9948},
    "mnist-permuted": {"plain-6": 0.96, "plain-12": 0.9684, "residual-12": 0.9702, "dense": 0.972},
}


def _row(table: str, model: str) -> Row:
    full = {
        "task": "mnist", "preset": "paper",
        "permuted": table == "mnist-permuted", "batches_per_epoch": BATCHES, "epochs": 1000.0,
        "schedule": "plateau", **NETWORKS[model],
    }  # fmt: skip
    log = {epoch: accuracy / 100 for epoch, accuracy in published.MNIST[table][model].items()}
    error = 100 * (1 - PAPER[table][model])
    return Row(
        f"{table}/{model}", PAPER[table][model], f"Li et al. 2019, table 2: error rate {error:.2f} %", full,
        {"epochs": 1.0, "validate_every": BATCHES // 4}, (log[1] - MARGIN, log[5] + 0.02),
        f"{100 * log[1]:.1f} % after the first epoch in the authors' log, less 5 points, to 2 points above the log "
        "after five epochs",
        {epoch * BATCHES: accuracy for epoch, accuracy in log.items()},
    )  # fmt: skip


ROWS = tuple(_row(table, model) for table, models in PAPER.items() for model in models)
