"""Argument checks shared by the twins of adam, and its entries in the catalogue."""

from __future__ import annotations

from ... import _check
from ..catalogue import BOTH, Entry
from ..sgd import contract as sgd


def check(where, p, g, m, v, t, lr, b1, b2, eps, weight_decay=0.0, decoupled=False, decay=None, rate=None):
    """Check the arguments of update; return lr, b1, b2, eps and weight_decay as Python numbers."""
    sgd.check_arrays(where, p, g, decay, rate, m=m, v=v)
    _check.at_least(where, "t", t, 1)
    _check.boolean(where, "decoupled", decoupled)
    lr, weight_decay = _check.real(where, "lr", lr), _check.real(where, "weight_decay", weight_decay)
    b1, b2 = _check.between(where, "b1", b1, 0.0, 1.0), _check.between(where, "b2", b2, 0.0, 1.0)
    return lr, b1, b2, _check.normal(where, "eps", eps, p.dtype), weight_decay


def draw(d, t=2, weight_decay=0.1, decoupled=False, decay=False, rate=False):
    """Draw arguments of update."""
    arrays = sgd.draw_parameters(d, decay, rate) | {"v": d.positive(d.H * d.K + 1)}
    numbers = {"t": t, "lr": 0.1, "b1": 0.9, "b2": 0.999, "eps": 1e-8}
    return arrays | numbers | {"weight_decay": weight_decay, "decoupled": decoupled}


OPTIONS = {"t": (1, 2, 3), "weight_decay": (0.0, 0.1), "decoupled": BOTH, "decay": BOTH, "rate": BOTH}
PLAIN = dict.fromkeys(("plain_cpu", "plain_cuda"), ("weight_decay", "decoupled", "decay", "rate"))
CATALOGUE = (Entry("update", draw, OPTIONS, changes=("p", "m", "v"), leaves_out=PLAIN),)
