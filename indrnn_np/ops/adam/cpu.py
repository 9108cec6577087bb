"""Compiled twin of reference.py: one pass over the parameters."""

from __future__ import annotations

import math

from ..._cpu.jit import njit
from .contract import check


def update(
    p, g, m, v, t, lr, b1=0.9, b2=0.999, eps=1e-8, weight_decay=0.0, decoupled=False, decay=None, rate=None
):
    """Twin of reference.update."""
    lr, b1, b2, eps, weight_decay = check(
        "adam.update", p, g, m, v, t, lr, b1, b2, eps, weight_decay, decoupled, decay, rate
    )
    scales = 1 / (1 - b1**t), 1 / (1 - b2**t)
    _kernel(p, g, m, v, lr, b1, b2, *scales, eps, weight_decay, decoupled, decay, rate)


@njit
def _kernel(p, g, m, v, lr, b1, b2, m_scale, v_scale, eps, weight_decay, decoupled, decay, rate):
    number = p.dtype.type  # constants in the dtype of p keep float32 arithmetic in float32
    b1, b2, not_b1, not_b2 = number(b1), number(b2), number(1 - b1), number(1 - b2)
    lr_decay, weight_decay = number(lr * weight_decay), number(weight_decay)
    lr, m_scale, v_scale, eps = number(lr), number(m_scale), number(v_scale), number(eps)
    for i in range(len(p)):
        decayed = p[i] if decay is None else decay[i] * p[i]
        gradient = g[i] if decoupled else g[i] + weight_decay * decayed
        m[i] = b1 * m[i] + not_b1 * gradient
        v[i] = b2 * v[i] + not_b2 * gradient * gradient
        change = lr * (m[i] * m_scale) / (math.sqrt(v[i] * v_scale) + eps)
        change = change + lr_decay * decayed if decoupled else change
        p[i] -= change if rate is None else rate[i] * change
