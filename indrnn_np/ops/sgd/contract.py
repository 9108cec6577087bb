"""Argument checks shared by the twins of sgd, and its entries in the catalogue."""

from __future__ import annotations

from ... import _check
from ..catalogue import BOTH, Entry


def check(where, p, g, m, lr, momentum, nesterov, weight_decay, decay, rate):
    """Check the arguments of update; return lr, momentum and weight_decay as Python numbers."""
    check_arrays(where, p, g, decay, rate, m=m)
    _check.boolean(where, "nesterov", nesterov)
    numbers = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
    return [_check.real(where, name, value) for name, value in numbers.items()]


def check_arrays(where, p, g, decay, rate, **moments):
    """Check the arrays of an optimizer's update; `moments` are arrays by name."""
    table = "p: written real P, g: P, decay?: P, rate?: P"
    table += "".join(f", {name}: written P" for name in moments)
    _check.arrays(where, table, p, g, decay, rate, *moments.values())
    for name, value in {"g": g, **moments}.items():
        if _check.shares_memory(value, p):
            _check.fail(where, f"{name} shares memory with p", "a separate array")


def draw(d, momentum=0.9, nesterov=False, weight_decay=0.1, decay=False, rate=False):
    """Draw arguments of update."""
    arrays = draw_parameters(d, decay, rate)
    return arrays | {"lr": 0.1, "momentum": momentum, "nesterov": nesterov, "weight_decay": weight_decay}


def draw_parameters(d, decay, rate):
    """Draw the parameters p, the gradient g, the first moments m and the factors, each (P,)."""
    P = d.H * d.K + 1
    factors = {"decay": d.positive(P) if decay else None, "rate": d.positive(P) if rate else None}
    return {"p": d.real(P), "g": d.real(P), "m": d.real(P), **factors}


OPTIONS = {
    "momentum": (0.0, 0.9), "nesterov": BOTH, "weight_decay": (0.0, 0.1), "decay": BOTH, "rate": BOTH
}  # fmt: skip
CATALOGUE = (Entry("update", draw, OPTIONS, changes=("p", "m")),)
