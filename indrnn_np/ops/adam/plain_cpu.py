"""Plain njit loop for Adam.

The tuned twin is cpu.py. This twin leaves out `weight_decay`, `decoupled`, `decay` and `rate`.
"""

from __future__ import annotations

import math

from ..._cpu.jit import njit
from .contract import check


def update(p, g, m, v, t, lr, b1=0.9, b2=0.999, eps=1e-8):
    """Twin of reference.update."""
    lr, b1, b2, eps, _ = check("adam.update", p, g, m, v, t, lr, b1, b2, eps)
    update_loop(p, g, m, v, float(t), lr, b1, b2, eps)


@njit
def update_loop(p, g, m, v, t, lr, b1, b2, eps):
    """Update p, m and v in place: 7 words a parameter.

    m ← b1 m + (1 - b1) g,   v ← b2 v + (1 - b2) g²,   p ← p - lr m̂ / (√v̂ + eps)
    """
    for i in range(p.size):
        m[i] = b1 * m[i] + (1 - b1) * g[i]
        v[i] = b2 * v[i] + (1 - b2) * g[i] ** 2
        m_hat, v_hat = m[i] / (1 - b1**t), v[i] / (1 - b2**t)
        p[i] -= lr * m_hat / (math.sqrt(v_hat) + eps)
