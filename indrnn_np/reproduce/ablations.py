"""Ablations that the papers lack: the adding problem at T = 500 with one setting changed at a time.

The baseline is the network of section 5.1 (Li et al. 2018, arXiv:1803.04831): two layers of 128
units at a constant learning rate of 2e-4. The changes are: no bound on u, no long-memory
initialiser in the last layer, batch norm in either place, other values of γ.
"""

from __future__ import annotations

from typing import Any

from .rows import NEW, Row

STEPS = 500
NORMALISED = {"batchnorm": True, "input_init": "kaiming", "bn_batch": 500}
CHANGES: dict[str, tuple[str, dict[str, Any]]] = {
    "as-published": ("nothing changed", {}),
    "constraint-off": ("no bound on |u|", {"constrain": False}),
    "last-init-off": ("u of the last layer starts as in the others", {"last_init": "uniform"}),
    "bn-after": ("batch norm after the recurrence", NORMALISED),
    "bn-before": ("batch norm before the recurrence", NORMALISED | {"norm_place": "before"}),
    "gamma-1": ("γ = 1 instead of 2", {"gamma": 1.0}),
    "gamma-5": ("γ = 5", {"gamma": 5.0}),
    "gamma-10": ("γ = 10", {"gamma": 10.0}),
}


def _row(model: str) -> Row:
    label, changes = CHANGES[model]
    full = {"task": "adding", "preset": "paper", "steps": STEPS, "iterations": 20_000, "lr": 2e-4, **changes}
    return Row(f"ablations/{model}", None, f"{NEW}: {label}", full, {"iterations": 3000})


ROWS = tuple(_row(model) for model in CHANGES)
