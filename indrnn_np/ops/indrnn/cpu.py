"""Twin of reference.py that goes through time in chunks small enough to stay in the cache of a core.

The product of a chunk is written into the state buffer and the recurrence runs over it in place; backwards, da
exists for one chunk only. With several threads each takes every n-th chunk: the products of different chunks run side
by side, and only the recurrence, which is short, is passed on from chunk to chunk. So whatever a product reads
and writes is contiguous, and nothing is copied. Few inputs (D <= fused.INPUTS) have a way of their own (fused.py).
"""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np

from ... import _arrays, _check, _machine
from ..._numba import njit
from ..._threads import relay, team, threads
from ..recurrence.cpu import BackwardPass, ForwardPass
from . import fused, reference
from .products import columns_times, right, rows_times

L2_SHARE = 0.5  # of a core's L2 cache for the states of a chunk; the rest is for x, da, W and what BLAS packs
HANDED_OVER = 2  # times as large if threads take turns: each turn costs handing over
L3_SHARE = 0.25  # of the L3 cache for the states of the chunks of all threads


def forward(x, W, u, b, h0, activation="relu", lengths=None, reverse=False, work=None, norm=None):
    """Twin of reference.forward; the states live in `work`'s buffer "h" if a workspace is given."""
    reference.check_forward("indrnn.forward", x, W, u, b, h0, activation, lengths, norm)
    _check.floats("indrnn.forward", x=x)
    (T, B), H = x.shape[:2], len(W)
    h = _empty(work, "h", (T + 1, B, H), x.dtype)
    h[0] = h0
    if few_inputs(x) and norm is None:
        fused.forward(x, W, u, b, h, activation, lengths, reverse)
        return h
    walk = ForwardPass(h, u, b, activation, lengths, reverse)
    n = team(T * B * H, T)
    spans = chunks(T, chunk_steps(B, W, n), n, reverse)
    source, WT = Source(x, norm, lengths, n, spans, work), right(W.T)

    def product(i):
        t0, t1 = spans[i]
        rows_times(source.rows(i), WT, h[t0 + 1 : t1 + 1].reshape(-1, H))

    relay(len(spans), n, T * B * H, lambda i: walk.run(*spans[i], 0, B), before=product)
    return h


def backward(dh, x, h, W, u, dhT=None, activation="relu", lengths=None, reverse=False, work=None, probe=None,
             norm=None):  # fmt: skip
    """Twin of reference.backward; dx lives in `work`'s buffer "dx" if a workspace is given."""
    reference.check_backward("indrnn.backward", dh, x, h, W, u, dhT, activation, lengths, norm)
    _check.floats("indrnn.backward", x=x)
    T = len(x)
    dx = _empty(work, "dx", x.shape, x.dtype)
    walk = BackwardPass(h, u, dhT, activation, lengths, reverse)
    if few_inputs(x) and probe is None and norm is None:
        cut = lambda samples: chunks(T, chunk_steps(samples, W, 1), 1, not reverse)  # noqa: E731
        dW = fused.backward(dh, x, W, walk, cut, dx, lambda name, shape: _empty(work, name, shape, x.dtype))
    else:
        dW = _products(dh, x, W, walk, dx, work, probe, norm)
    return dx, dW, walk.du, walk.db, walk.dh0


def few_inputs(x):
    """Is the projection done without a product?"""
    return 1 <= x.shape[2] <= fused.INPUTS and x.size > 0


def _products(dh, x, W, walk, dx, work, probe, norm):
    """Fill dx (T, B, D) and return dW."""
    (T, B, D), H = x.shape, len(W)
    shown_here = probe is not None and not getattr(probe, "any_thread", False)  # on the calling thread only
    n = team(0 if shown_here else T * B * H, T)
    spans = chunks(T, chunk_steps(B, W, n), n, not walk.reverse)
    longest = max((t1 - t0 for t0, t1 in spans), default=0)
    source = Source(x, norm, walk.lengths, n, spans, work)
    da = _empty(work, "da", (n, longest, B, H), x.dtype)  # for each thread the chunk it is at
    dW, room = (_empty(work, name, (n, *W.shape), W.dtype) for name in ("dW of a thread", "dW of a chunk"))
    W = right(W)

    def recurrence(i):
        t0, t1 = spans[i]
        part = da[i % n, : t1 - t0]
        walk.run(t0, t1, 0, B, dh, part, (t0, 0))
        if probe is not None:
            probe(t0, t1, None if dh is None else dh[t0:t1], part)

    def products(i):
        t0, t1 = spans[i]
        rows = da[i % n, : t1 - t0].reshape(-1, H)
        rows_times(rows, W, dx[t0:t1].reshape(-1, D))
        if norm is not None and norm.mask is not None:
            dx[t0:t1] *= norm.mask
        begun = i >= n  # by the first chunk of its thread
        columns_times(rows, source.rows(i), dW[i % n], begun, room[i % n])

    relay(len(spans), n, T * B * H, recurrence, after=products)
    return dW[: len(spans)].sum(axis=0)  # there may be fewer chunks than threads


def chunk_steps(B, W, n):
    """How many steps a chunk has: its states fill `L2_SHARE` of the L2 cache, `HANDED_OVER` times that if n > 1.

    They are at least twice as large as W, as far as the L3 cache allows, because BLAS packs W anew for each product.
    """
    caches = _caches()
    L2 = caches.get("L2", 2**20)
    most = L3_SHARE * caches.get("L3", 4 * L2) / threads()
    size = max(L2_SHARE * L2 * (HANDED_OVER if n > 1 else 1), min(2 * W.nbytes, most))
    return max(1, int(size // max(1, B * len(W) * W.itemsize)))


def chunks(T, steps, n, from_the_end):
    """Cut T steps into pieces [t0, t1) of about `steps`, in walking order: equal ones, as many for each of n threads.

    They start at even steps where they are longer than 2, since the kernels take steps in pairs.
    """
    count = min(T, math.ceil(math.ceil(T / steps) / n) * n)
    grain = 2 if steps > 2 else 1
    edges = sorted({min(T, -(-T * i // count // grain) * grain) for i in range(count)} | {T}) if count else []
    pieces = list(itertools.pairwise(edges))
    return pieces[::-1] if from_the_end else pieces


@functools.cache
def _caches():
    return _machine.caches()


class Source:
    """The chunks of x as rows for a product: x itself where it can be, or a buffer of one chunk for each thread."""

    def __init__(self, x, norm, lengths, n, spans, work):
        self.x, self.norm, self.lengths, self.n, self.spans = x, norm, lengths, n, spans
        if norm is not None or lengths is not None:
            longest = max((t1 - t0 for t0, t1 in spans), default=0)
            self.buffer = _empty(work, "x of a chunk", (n, longest, *x.shape[1:]), x.dtype)
        if norm is not None:
            mask = np.ones(x.shape[1:], x.dtype) if norm.mask is None else norm.mask
            self.vectors = (norm.mean, norm.factor, norm.shift, mask)

    def rows(self, i):
        """Chunk i as (steps · B, D), normalised if that was asked for, with zeros in its padding."""
        t0, t1 = self.spans[i]
        part, D = self.x[t0:t1], self.x.shape[2]
        if self.norm is None and self.lengths is None:
            return part.reshape(-1, D)
        buffer = self.buffer[i % self.n, : t1 - t0]
        if self.norm is None:
            buffer[...] = part
        else:
            normalise(part, *self.vectors, buffer)
        if self.lengths is not None:
            buffer[np.arange(t0, t1)[:, None] >= self.lengths] = 0
        return buffer.reshape(-1, D)


@njit
def normalise(x, mean, factor, shift, mask, y):
    """y = mask ((x - mean) factor + shift) for x (steps, B, D)."""
    for t in range(x.shape[0]):
        for b in range(x.shape[1]):
            for j in range(x.shape[2]):
                y[t, b, j] = ((x[t, b, j] - mean[j]) * factor[j] + shift[j]) * mask[b, j]


def _empty(work, name, shape, dtype):
    return _arrays.empty(shape, dtype) if work is None else work.array(name, shape, dtype)
