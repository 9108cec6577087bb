"""Adam in plain NumPy."""

from __future__ import annotations

import numpy as np

from ... import _check
from ..sgd.reference import check


def update(
    p, g, m, v, t, lr, b1=0.9, b2=0.999, eps=1e-8, weight_decay=0.0, decoupled=False, decay=None, rate=None
):
    """Step number t (from 1): changes p, m and v in place, g is only read.

    Equation   m ← b1 m + (1-b1) g;  v ← b2 v + (1-b2) g²;  p ← p - lr m̂ / (√v̂ + eps),  m̂ = m/(1-b1^t), v̂ = v/(1-b2^t)
               (Kingma & Ba 2015, arXiv:1412.6980, algorithm 1); weight decay joins g, or, decoupled,
               shrinks p by lr · weight_decay
    Reads      p, g, m, v, decay, rate (P,): rate multiplies lr, element by element
    Raises     ValueError naming the array, what it has and what was expected
    """
    check("adam.update", p, g, {"m": m, "v": v}, decay, rate)
    _check.at_least("adam.update", "t", t, 1)
    decayed = weight_decay * (p if decay is None else decay * p)
    if not decoupled:
        g = g + decayed
    m[...] = b1 * m + (1 - b1) * g
    v[...] = b2 * v + (1 - b2) * g**2
    m_hat, v_hat = m / (1 - b1**t), v / (1 - b2**t)
    lr = lr if rate is None else lr * rate
    step = lr * m_hat / (np.sqrt(v_hat) + eps)
    p -= (step + lr * decayed if decoupled else step).astype(p.dtype)
