"""SGD in plain NumPy."""

from __future__ import annotations

from . import contract


def update(p, g, m, lr, momentum=0.0, nesterov=False, weight_decay=0.0, decay=None, rate=None):
    """Update the parameters and their momentum in place.

        g' = g + weight_decay · decay ⊙ p,   m ← momentum m + g'
        p ← p - lr m                     with nesterov: p ← p - lr (g' + momentum m)

    Parameters
    ----------
    p, m : array (P,)
        Parameters and momentum. Both change in place. With momentum 0, m becomes g'.
    g : array (P,)
        Gradient. It does not change.
    lr, momentum : float
        Learning rate and factor of the momentum.
    nesterov : bool
        Use Nesterov momentum.
    weight_decay : float
        Factor of the weight decay.
    decay, rate : array (P,), optional
        Factors of weight_decay and of lr for each element.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, dtype or layout.
    """
    lr, momentum, weight_decay = contract.check(
        "sgd.update", p, g, m, lr, momentum, nesterov, weight_decay, decay, rate
    )
    decayed_g = g + weight_decay * (p if decay is None else decay * p)
    m[...] = momentum * m + decayed_g
    lr = lr if rate is None else lr * rate
    p -= (lr * (decayed_g + momentum * m if nesterov else m)).astype(p.dtype)
