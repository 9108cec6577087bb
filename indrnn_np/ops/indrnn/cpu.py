"""Twin of reference.py that goes through time in chunks small enough to stay in the cache of a core.

The product of a chunk is written into the state buffer and the recurrence runs over it in place; backwards, da
exists for one chunk only. With several threads each takes every n-th chunk: the products of different chunks run side
by side, and only the recurrence, which is short, is passed on from chunk to chunk. So whatever a product reads
and writes is contiguous, and nothing is copied.

Three ways, by what multiplies: few inputs (D <= fused.INPUTS) need no product (fused.py); where tiles multiply, the
loop over chunks is compiled (walks.py); where BLAS does, and for a probe, it is the one below.
"""

from __future__ import annotations

from ... import _check
from ..._arrays import room
from ..._threads import relay, team
from ..recurrence.cpu import BackwardPass, ForwardPass
from . import fused, reference, walks
from .chunks import chunk_steps, chunks
from .products import columns_times, right, rows_times
from .source import Source


def forward(x, W, u, b, h0, activation="relu", lengths=None, reverse=False, work=None, norm=None):
    """Twin of reference.forward; the states live in `work`'s buffer "h" if a workspace is given."""
    reference.check_forward("indrnn.forward", x, W, u, b, h0, activation, lengths, norm)
    _check.floats("indrnn.forward", x=x)
    (T, B), H = x.shape[:2], len(W)
    h = room(work, "h", (T + 1, B, H), x.dtype)
    h[0] = h0
    if few_inputs(x) and norm is None:
        fused.forward(x, W, u, b, h, activation, lengths, reverse)
        return h
    walk, n = ForwardPass(h, u, b, activation, lengths, reverse), team(T * B * H, T)
    compiled = walks.plan(x, W, n, reverse)
    spans = compiled or chunks(T, chunk_steps(B, W, n), n, reverse)
    source = Source(x, norm, lengths, n, spans, work)
    if compiled:
        walks.forward(source, W, walk)
        return h
    WT = right(W.T)

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
    dx = room(work, "dx", x.shape, x.dtype)
    walk = BackwardPass(h, u, dhT, activation, lengths, reverse)
    if few_inputs(x) and probe is None and norm is None:
        cut = lambda samples: chunks(T, chunk_steps(samples, W, 1), 1, not reverse)  # noqa: E731
        dW = fused.backward(dh, x, W, walk, cut, dx, lambda name, shape: room(work, name, shape, x.dtype))
    else:
        dW = _products(dh, x, W, walk, dx, work, probe, norm)
    return dx, dW, walk.du, walk.db, walk.dh0


def few_inputs(x):
    """Is the projection done without a product?"""
    return 1 <= x.shape[2] <= fused.INPUTS and x.size > 0


def _products(dh, x, W, walk, dx, work, probe, norm):
    """Fill dx (T, B, D) and return dW."""
    (T, B), H = x.shape[:2], len(W)
    shown_here = probe is not None and not getattr(probe, "any_thread", False)  # on the calling thread only
    n = team(0 if shown_here else T * B * H, T)
    compiled = walks.plan(x, W, n, not walk.reverse) if probe is None else ()
    spans = compiled or chunks(T, chunk_steps(B, W, n), n, not walk.reverse)
    source = Source(x, norm, walk.lengths, n, spans, work)
    longest = max((t1 - t0 for t0, t1 in spans), default=0)
    da = room(work, "da", (n, longest, B, H), x.dtype)  # for each thread the chunk it is at
    dW = room(work, "dW of a thread", (n, *W.shape), W.dtype)
    if compiled:
        walks.backward(dh, source, W, walk, dx, da, dW)
    else:
        _by_calls(
            dh, source, right(W), walk, dx, da, dW, room(work, "dW of a chunk", dW.shape, W.dtype), probe
        )
    return dW[: len(spans)].sum(axis=0)  # there may be fewer chunks than threads


def _by_calls(dh, source, W, walk, dx, da, dW, spare, probe):
    """Fill dx, and dW of each thread, with calls of the products and the recurrence for each chunk."""
    n, (B, D), H = source.n, dx.shape[1:], len(W)

    def recurrence(i):
        t0, t1 = source.spans[i]
        part = da[i % n, : t1 - t0]
        walk.run(t0, t1, 0, B, dh, part, (t0, 0))
        if probe is not None:
            probe(t0, t1, None if dh is None else dh[t0:t1], part)

    def products(i):
        t0, t1 = source.spans[i]
        rows = da[i % n, : t1 - t0].reshape(-1, H)
        rows_times(rows, W, dx[t0:t1].reshape(-1, D))
        if source.mask is not None:
            dx[t0:t1] *= source.mask
        begun = i >= n  # by the first chunk of its thread
        columns_times(rows, source.rows(i), dW[i % n], begun, spare[i % n])

    relay(len(source.spans), n, len(dx) * B * H, recurrence, after=products)
