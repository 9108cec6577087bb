"""Compiled twin of per_sample.py: the backward walk sums du and db by column, and so by sample."""

from __future__ import annotations

from ..._cpu.arrays import empty_like
from ..._cpu.threads import parallel_for
from . import contract
from .cpu import BackwardPass


def sample_gradients(dh, h, u, dhT=None, activation="relu", lengths=None, reverse=False):
    """Twin of per_sample.sample_gradients."""
    where = "recurrence.sample_gradients"
    contract.check_backward(where, dh, h, u, dhT, activation, lengths, reverse, None)
    da, walk = empty_like(h[1:]), BackwardPass(h, u, dhT, activation, lengths, reverse)
    parallel_for(h.shape[1], h.size, lambda b0, b1: walk.run(0, len(da), b0, b1, dh, da), grain=1)
    du, db = (walk.total[k].reshape(walk.B, walk.H).astype(h.dtype) for k in range(2))
    return da, du, db, walk.dh0
