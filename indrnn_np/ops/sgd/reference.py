"""SGD in plain NumPy."""

from __future__ import annotations

from ... import _check


def update(p, g, m, lr, momentum=0.0, nesterov=False, weight_decay=0.0, decay=None, rate=None):
    """One step: changes p and m in place, g is only read.

    Equation   g' = g + weight_decay · decay ⊙ p;  m ← momentum m + g';  p ← p - lr (g' + momentum m if nesterov else m)
    Reads      p, g, m, decay, rate (P,); momentum 0 leaves m equal to g'; rate multiplies lr, element by element
    Raises     ValueError naming the array, what it has and what was expected
    """
    check("sgd.update", p, g, {"m": m}, decay, rate)
    step = g + weight_decay * (p if decay is None else decay * p)
    m[...] = momentum * m + step
    lr = lr if rate is None else lr * rate
    p -= (lr * (step + momentum * m if nesterov else m)).astype(p.dtype)


def check(where, p, g, moments, decay, rate):
    """The contract of an optimizer's update, shared by all of them and their twins."""
    factors = {name: value for name, value in (("decay", decay), ("rate", rate)) if value is not None}
    arrays = {"g": g, **moments, **factors}
    _check.array(where, "p", p, 1, "(P,)")
    _check.floats(where, p=p, **arrays)
    for name, value in arrays.items():
        _check.array(where, name, value, 1, "(P,)")
        _check.matches(where, name, value, p.shape, "p", p)
        if name not in factors and _check.shares_memory(value, p):
            _check.fail(where, f"{name} shares memory with p", "an array of its own")
