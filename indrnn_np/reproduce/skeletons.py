"""Skeletons of NTU RGB+D: Li et al. 2018, arXiv:1803.04831, table 4, and 2019, arXiv:1910.06251, table 5.

The data must be requested from its owners; `--data skeleton=PATH` names its path. The dense network
with geometric features in addition to the joints (86.70 and 93.97 %) is not implemented. No
learning curves of these networks are available, so the budgeted form has no expected range.
"""

from __future__ import annotations

from typing import Any

from .rows import Row

NETWORKS: dict[str, dict[str, Any]] = {
    "plain-4": {"layers": 4},
    "plain-6": {"layers": 6},
    "dense": {
        "network": "dense", "growth": 48, "dropout_places": "first=0.5,dense=0.5,bottleneck=0.1,transition=0.3",
    },
}  # fmt: skip
PAPER = {
    "cs": {"plain-4": 0.7858, "plain-6": 0.8180, "dense": 0.8488},
    "cv": {"plain-4": 0.8375, "plain-6": 0.8797, "dense": 0.9043},
}
WHERE = {"plain-4": "2018, table 4", "plain-6": "2018, table 4", "dense": "2019, table 5"}
WORDS = {"cs": "cross-subject", "cv": "cross-view"}
DROPOUT = {"cs": 0.25, "cv": 0.1}


def _row(protocol: str, model: str) -> Row:
    accuracy = PAPER[protocol][model]
    full = {
        "task": "skeleton", "preset": "paper",
        "protocol": protocol, "dropout": DROPOUT[protocol], "lr_factor": 0.2, **NETWORKS[model],
    }  # fmt: skip
    statement = f"Li et al. {WHERE[model]}: {100 * accuracy:.2f} % ({WORDS[protocol]})"
    return Row(f"ntu-{protocol}/{model}", accuracy, statement, full, {"epochs": 20.0})


ROWS = tuple(_row(protocol, model) for protocol, models in PAPER.items() for model in models)
