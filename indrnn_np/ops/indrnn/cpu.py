"""Twin of reference.py that goes through time in chunks small enough to stay in the L2 cache of a core.

The product of a chunk is written into the state buffer and the recurrence runs over it in place; backwards, da
exists for one chunk only. Threads share the samples, each with chunks of its own, so one hand-over a pass is enough;
a thread's part of x is not contiguous, and is copied chunk by chunk into the cache.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from ... import _check
from ..._threads import over
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

    def samples(b0, b1):
        piece = Piece(x, b0, b1, H, work)
        for t0, t1 in piece.chunks(reverse):
            if piece.whole:
                np.matmul(x[t0:t1].reshape(-1, D), W.T, out=h[t0 + 1 : t1 + 1].reshape(-1, H))
                walk.run(t0, t1, b0, b1)
            else:
                a = piece.buffer("a", t1 - t0, H)
                np.matmul(piece.rows_of_x(t0, t1), W.T, out=a.reshape(-1, H))
                walk.run(t0, t1, b0, b1, a, (t0, b0))

    over(B, T * B * H, samples, grain=1)
    return h


def backward(dh, x, h, W, u, dhT=None, activation="relu", lengths=None, reverse=False, work=None, probe=None):
    """Twin of reference.backward; dx lives in `work`'s buffer "dx" if a workspace is given."""
    reference.check_backward("indrnn.backward", dh, x, h, W, u, dhT, activation, lengths)
    _check.floats("indrnn.backward", x=x)
    (T, B, D), H = x.shape, len(W)
    dx = _empty(work, "dx", (T, B, D), x.dtype)
    walk = BackwardPass(h, u, dhT, activation, lengths, reverse)
    sums = {}  # dW of each piece, by its first sample

    def samples(b0, b1):
        piece, product = Piece(x, b0, b1, H, work), np.empty_like(W)
        sums[b0] = np.zeros_like(W)
        for t0, t1 in piece.chunks(not reverse):
            da = piece.buffer("da", t1 - t0, H)
            walk.run(t0, t1, b0, b1, dh, da, (t0, b0))
            if probe is not None:
                probe(t0, t1, None if dh is None else dh[t0:t1], da)
            piece.put(dx, t0, t1, da.reshape(-1, H), W)
            np.matmul(da.reshape(-1, H).T, piece.rows_of_x(t0, t1, lengths), out=product)
            sums[b0] += product

    over(B, T * B * H if probe is None else 0, samples, grain=1)
    dW = sum((sums[b0] for b0 in sorted(sums)), np.zeros_like(W))
    return dx, dW, walk.du, walk.db, walk.dh0


class Piece:
    """The samples b0 to b1 of x (T, B, D) on one thread, and its buffers of one chunk of time."""

    def __init__(self, x, b0, b1, H, work):
        self.x, self.b0, self.b1, self.work = x, b0, b1, work
        self.whole = b1 - b0 == x.shape[1]
        self.size = max(1, int(L2_SHARE * l2_bytes() // max(1, (b1 - b0) * H * x.itemsize)))

    def chunks(self, from_the_end):
        """Pieces [t0, t1) of time whose states fill `L2_SHARE` of the L2 cache, in walking order."""
        return chunks(len(self.x), self.size, from_the_end)

    def buffer(self, name, steps, width):
        """A buffer (steps, samples, width) of this thread."""
        shape = (min(self.size, len(self.x)), self.b1 - self.b0, width)
        return _empty(self.work, f"{name} of samples {self.b0}", shape, self.x.dtype)[:steps]

    def rows_of_x(self, t0, t1, lengths=None):
        """The chunk of x as rows (steps · samples, D), with zeros in its padding if lengths are given."""
        D = self.x.shape[2]
        if self.whole and lengths is None:
            return self.x[t0:t1].reshape(-1, D)
        rows = self.buffer("x", t1 - t0, D)
        rows[...] = self.x[t0:t1, self.b0 : self.b1]
        if lengths is not None:
            rows[np.arange(t0, t1)[:, None] >= lengths[self.b0 : self.b1]] = 0
        return rows.reshape(-1, D)

    def put(self, dx, t0, t1, da_rows, W):
        """dx = da W for the chunk."""
        D = W.shape[1]
        if self.whole:
            np.matmul(da_rows, W, out=dx[t0:t1].reshape(-1, D))
            return
        rows = self.buffer("dx", t1 - t0, D)
        np.matmul(da_rows, W, out=rows.reshape(-1, D))
        dx[t0:t1, self.b0 : self.b1] = rows


def chunks(T, size, from_the_end):
    """Cut T steps into pieces [t0, t1) of `size` steps, in walking order."""
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
