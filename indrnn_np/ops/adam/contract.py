"""Argument checks that the twins of adam share, and the op's entries in the catalogue."""

from __future__ import annotations

from ... import _check
from ..catalogue import BOTH, Entry
from ..sgd import contract as sgd


def check(where, p, g, m, v, t, decay=None, rate=None):
    """Check the arguments of update."""
    sgd.check(where, p, g, decay, rate, m=m, v=v)
    _check.at_least(where, "t", t, 1)


def draw(d, t=2, weight_decay=0.1, decoupled=False, decay=False, rate=False):
    """Draw arguments of update."""
    arrays = sgd.draw_parameters(d, decay, rate) | {"v": d.positive(d.H * d.K + 1)}
    return arrays | {"t": t, "lr": 0.1, "weight_decay": weight_decay, "decoupled": decoupled}


OPTIONS = {"t": (1, 2, 3), "weight_decay": (0.0, 0.1), "decoupled": BOTH, "decay": BOTH, "rate": BOTH}
PLAIN = dict.fromkeys(("plain_cpu", "plain_cuda"), ("weight_decay", "decoupled", "decay", "rate"))
CATALOGUE = (Entry("update", draw, OPTIONS, changes=("p", "m", "v"), leaves_out=PLAIN),)
