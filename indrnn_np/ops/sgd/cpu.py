"""Compiled twin of reference.py: one pass over the parameters."""

from __future__ import annotations

from ..._cpu.jit import njit
from . import contract


def update(p, g, m, lr, momentum=0.0, nesterov=False, weight_decay=0.0, decay=None, rate=None):
    """Twin of reference.update."""
    lr, momentum, weight_decay = contract.check(
        "sgd.update", p, g, m, lr, momentum, nesterov, weight_decay, decay, rate
    )
    _kernel(p, g, m, float(lr), float(momentum), bool(nesterov), float(weight_decay), decay, rate)


@njit
def _kernel(p, g, m, lr, momentum, nesterov, weight_decay, decay, rate):
    number = p.dtype.type
    lr, momentum, weight_decay = number(lr), number(momentum), number(weight_decay)
    for i in range(len(p)):
        coefficient = weight_decay if decay is None else weight_decay * decay[i]
        gradient = g[i] + coefficient * p[i]
        m[i] = momentum * m[i] + gradient
        change = lr * (gradient + momentum * m[i] if nesterov else m[i])
        p[i] -= change if rate is None else rate[i] * change
