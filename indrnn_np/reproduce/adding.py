"""The adding problem: Li et al. 2018, arXiv:1803.04831, section 5.1 and figure 2; details from the authors' code.

The IndRNN has two layers of 128 units, the other models have one; the paper has no GRU. The learning
rate is 2e-3 with tanh (LSTM and GRU too), 2e-4 with relu, and 1e-5 for the IRNN from T = 500. It is
divided by 10 every 20,000 iterations, and the figure ends at 60,000 iterations.
"""

from __future__ import annotations

from typing import Any

from . import published
from .rows import NEW, Row

BLIND = (0.15, 0.19)  # around 0.167, the error of the constant prediction 1, which varies by 0.01
SOLVED = (0.0, 0.01)
ITERATIONS = {100: 8000, 500: 12_000, 1000: 4000, 5000: 4000}  # of the budgeted form, for all models
FIGURE = "Li et al. 2018, figure 2"
NEVER = f"{FIGURE}: stays at 0.167"

STATEMENTS: dict[int, dict[str, str]] = {
    100: {
        "rnn-tanh": NEVER, "irnn": f"{FIGURE}: leaves 0.167 at 4,000, 0.008 at 8,000",
        "lstm": f"{FIGURE}: falls at 2,000, then below 0.005", "gru": NEW, "indrnn": f"{FIGURE}: 0.001 at 3,000",
    },
    500: {
        "rnn-tanh": NEVER, "irnn": f"{FIGURE}: 0.17 to 15,000, ends at 0.03 to 0.04",
        "lstm": f"{FIGURE}: falls at 5,500", "gru": NEW,
        "indrnn": f"{FIGURE}: 0.0035 at 3,000, 0.0015 from 5,000 on",
    },
    1000: {
        "rnn-tanh": NEVER, "irnn": NEVER, "lstm": NEVER, "gru": NEW,
        "indrnn": f"{FIGURE}: 0.010 at 3,000, 0.002 at 10,000",
    },
    5000: {"indrnn": f"{FIGURE}: 0.02 to 0.035 at 10,000, 0.001 to 0.002 after 20,000"},
}  # fmt: skip
EXPECTED: dict[int, dict[str, tuple[float, float]]] = {
    100: {"rnn-tanh": BLIND, "irnn": (0.0, 0.05), "lstm": SOLVED, "indrnn": SOLVED},
    500: {"rnn-tanh": BLIND, "irnn": BLIND, "lstm": SOLVED, "indrnn": SOLVED},
    1000: {"rnn-tanh": BLIND, "irnn": BLIND, "lstm": BLIND, "indrnn": SOLVED},
    5000: {"indrnn": (0.0, 0.05)},
}
# From T = 1000 a constant rate can leave almost no active neuron (docs/results.md), unlike a rising rate.
RISING = {"lr": 5e-4, "schedule": "one-cycle", "clip_value": 0.0, "clip_norm": 1.0}


def _cell(model: str, steps: int) -> dict[str, Any]:
    """Return the settings of a model."""
    if model == "indrnn":
        return {"layers": 2, "lr": 2e-4}
    lr = 2e-3 if model != "irnn" else 2e-4 if steps == 100 else 1e-5
    return {"layers": 1, "cell": model, "lr": lr}


def _row(model: str, steps: int) -> Row:
    full = {
        "task": "adding", "preset": "paper",
        "steps": steps, "iterations": 60_000, "batch": 32, "clip_value": 10.0, "schedule": "step",
        "lr_every": 20_000, **_cell(model, steps),
    }  # fmt: skip
    budget = {"iterations": ITERATIONS[steps], **(RISING if model == "indrnn" and steps >= 1000 else {})}
    points = published.ADDING[steps] if model == "indrnn" else {}
    expected = EXPECTED[steps].get(model)
    because = f"the figure at {ITERATIONS[steps]:,} iterations" if expected else ""
    return Row(
        f"adding-{steps}/{model}", None, STATEMENTS[steps][model], full, budget, expected, because,
        {i: (a * b) ** 0.5 for i, (a, b) in points.items()},
    )  # fmt: skip


ROWS = tuple(_row(model, steps) for steps, models in STATEMENTS.items() for model in models)
