"""Twin of reference.py that goes through time in chunks small enough to stay in the L2 cache of a core."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from ... import _check
from ..._threads import threads
from ..recurrence.cpu import BackwardPass, ForwardPass
from . import reference

L2_SHARE = 0.5  # of the cache for the states of a chunk; the rest is for x, W and da


def forward(x, W, u, b, h0, activation="relu", lengths=None, reverse=False, work=None):
    """Twin of reference.forward; the states live in `work`'s buffer "h" if a workspace is given."""
    reference.check_forward("indrnn.forward", x, W, u, b, h0, activation, lengths)
    _check.floats("indrnn.forward", x=x)
    (T, B, D), H = x.shape, len(W)
    h = _empty(work, "h", (T + 1, B, H), x.dtype)
    h[0] = h0
    walk = ForwardPass(h, u, b, activation, lengths, reverse)
    for t0, t1 in chunks(T, B * H * x.itemsize, reverse):
        np.matmul(x[t0:t1].reshape(-1, D), W.T, out=h[t0 + 1 : t1 + 1].reshape(-1, H))
        walk.run(t0, t1)
    return h


def backward(dh, x, h, W, u, dhT=None, activation="relu", lengths=None, reverse=False, work=None, probe=None):
    """Twin of reference.backward; dx lives in `work`'s buffer "dx" if a workspace is given."""
    reference.check_backward("indrnn.backward", dh, x, h, W, u, dhT, activation, lengths)
    _check.floats("indrnn.backward", x=x)
    (T, B, D), H = x.shape, len(W)
    plan = chunks(T, B * H * x.itemsize, not reverse)
    dx = _empty(work, "dx", (T, B, D), x.dtype)
    da = _empty(work, "da", (max((t1 - t0 for t0, t1 in plan), default=0), B, H), x.dtype)
    dW, dW_chunk = np.zeros_like(W), np.empty_like(W)
    walk = BackwardPass(h, u, dhT, activation, lengths, reverse)
    for t0, t1 in plan:
        walk.run(t0, t1, dh, da[: t1 - t0])
        if probe is not None:
            probe(t0, t1, None if dh is None else dh[t0:t1], da[: t1 - t0])
        da_rows = da[: t1 - t0].reshape(-1, H)
        np.matmul(da_rows, W, out=dx[t0:t1].reshape(-1, D))
        x_rows = (
            x[t0:t1] if lengths is None else np.where(reference.valid(x[t0:t1], lengths, t0), x[t0:t1], 0)
        )
        np.matmul(da_rows.T, x_rows.reshape(-1, D), out=dW_chunk)
        dW += dW_chunk
    return dx, dW, walk.du, walk.db, walk.dh0


def chunks(T, row_bytes, from_the_end):
    """Cut T steps into pieces [t0, t1) whose states fill `L2_SHARE` of the L2 caches, in walking order."""
    size = max(1, int(L2_SHARE * l2_bytes() * threads() // max(1, row_bytes)))
    pieces = [(t0, min(t0 + size, T)) for t0 in range(0, T, size)]
    return pieces[::-1] if from_the_end else pieces


@functools.cache
def l2_bytes():
    """Size of one core's L2 cache as Linux reports it; 1 MiB where it is not reported."""
    try:
        text = Path("/sys/devices/system/cpu/cpu0/cache/index2/size").read_text().strip()
        return int(text[:-1]) * {"K": 2**10, "M": 2**20}[text[-1]]
    except (OSError, ValueError, KeyError):
        return 2**20


def _empty(work, name, shape, dtype):
    return np.empty(shape, dtype) if work is None else work.array(name, shape, dtype)
