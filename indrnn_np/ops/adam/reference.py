"""Adam in plain NumPy."""

from __future__ import annotations

import numpy as np

from . import contract


def update(
    p, g, m, v, t, lr, b1=0.9, b2=0.999, eps=1e-8, weight_decay=0.0, decoupled=False, decay=None, rate=None
):
    """Update the parameters and both moments in place.

        m ← b1 m + (1 - b1) g,   v ← b2 v + (1 - b2) g²
        p ← p - lr m̂ / (√v̂ + eps),   m̂ = m / (1 - b1^t),   v̂ = v / (1 - b2^t)

    Kingma & Ba 2015, arXiv:1412.6980, algorithm 1.

    Parameters
    ----------
    p, m, v : array (P,)
        Parameters, first moments and second moments. All three change in place.
    g : array (P,)
        Gradient. It does not change.
    t : int
        Number of this iteration, from 1.
    lr, b1, b2, eps : float
        Learning rate, decay rates of the moments, and the constant in the denominator.
    weight_decay, decoupled : float, bool
        Weight decay is added to g, or, if decoupled, shrinks p by lr · weight_decay.
    decay, rate : array (P,), optional
        Factors of weight_decay and of lr for each element.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, dtype or layout.
    """
    lr, b1, b2, eps, weight_decay = contract.check(
        "adam.update", p, g, m, v, t, lr, b1, b2, eps, weight_decay, decoupled, decay, rate
    )
    decayed = weight_decay * (p if decay is None else decay * p)
    if not decoupled:
        g = g + decayed
    m[...] = b1 * m + (1 - b1) * g
    v[...] = b2 * v + (1 - b2) * g**2
    m_hat, v_hat = m / (1 - b1**t), v / (1 - b2**t)
    lr = lr if rate is None else lr * rate
    change = lr * m_hat / (np.sqrt(v_hat) + eps)
    p -= (change + lr * decayed if decoupled else change).astype(p.dtype)
