"""The cell's walk through time where tiles multiply: one compiled loop over chunks, on each thread.

Thread k of n takes the chunks k, k + n, ...: their products run side by side, and the recurrence is passed on from
chunk to chunk, in turns (_turns.py). While a tile multiplies, it asks memory for what the thread reads and writes
next, so that memory works at the same time. What is computed, and in which order, is what cpu.py does by calling
`rows_times`, the recurrence and `columns_times` chunk by chunk: there for BLAS, and for a probe, which is Python.
"""

from __future__ import annotations

import functools

import numpy as np

from ..._numba import njit
from ..._threads import in_turns
from ..._turns import end, wait
from ..recurrence import cpu as recurrence
from ..recurrence.cpu import flat
from .chunks import CUTS, chunks, short_chunk_steps
from .products import ROWS, address, columns_block, right, rows_block, tile_for
from .source import read


def plan(x, W, n, reverse):
    """The chunks [t0, t1) of x in walking order, where tiles can multiply them; else none."""
    tile = tile_for(W.shape, W.itemsize)
    if tile is None:
        return ()
    T, B = x.shape[:2]
    spans = chunks(T, short_chunk_steps(B, W), n, reverse)
    return spans if _shortest(spans) * B >= tile.rows else ()


def forward(source, W, walk):
    """Fill walk's h."""
    kernel = forward_kernel(walk.code, *_constants(W), source.buffered)
    x, WT, spans, n = source.x, right(W.T), _as_array(source.spans), source.n

    def run(k, turns):
        kernel(k, n, spans, x, source.given(k), WT, walk.h, walk.u, walk.b, *walk.whole, walk.reverse, turns)

    in_turns(n, walk.h.size, run)


def backward(dh, source, W, walk, dx, da, dW):
    """Fill dx, and dW (n, H, D) of each thread; da (n, steps of a chunk, B, H) is room."""
    kernel = backward_kernel(
        walk.code, *_constants(W), dh is not None, source.buffered, source.mask is not None
    )
    x, W, spans, n = source.x, right(W), _as_array(source.spans), source.n
    dh, sums = walk.h if dh is None else flat(dh), (walk.carry, walk.partial, walk.total)

    def run(k, turns):
        kernel(k, n, spans, dh, x, source.given(k), W, walk.h, walk.u, *sums, flat(da[k]), dx, dW[k], *walk.whole,
               walk.reverse, turns)  # fmt: skip

    in_turns(n, walk.h.size, run)


@functools.lru_cache(CUTS)
def _shortest(spans):
    return min((t1 - t0 for t0, t1 in spans), default=0)


@functools.lru_cache(CUTS)
def _as_array(spans):
    return np.array(spans)


def _constants(W):
    """What kernels know when they are compiled: the tile, and the bytes of a number."""
    return *tile_for(W.shape, W.itemsize), W.itemsize


@functools.cache
def forward_kernel(code, rows, width, itemsize, buffered):
    """h of the chunks k, k + n, ..."""
    product = rows_block(rows, width, itemsize)
    steps = recurrence.forward_kernel(code, True)

    @njit
    def kernel(k, n, spans, x, given, WT, h, u, b, starts, ends, reverse, turns):
        (_, B, D), H = x.shape, WT.shape[1]
        for i in range(k, len(spans), n):
            t0, t1 = spans[i]
            following = spans[min(i + n, len(spans) - 1), 0]
            M = (t1 - t0) * B
            xs, hs = x[t0:t1].reshape((M, D)), h[t0 + 1 : t1 + 1].reshape((M, H))
            if buffered:
                xs = read(x, given, t0, t1).reshape((M, D))
            for first in range(0, M, ROWS):
                last = min(M, first + ROWS)
                one = address(xs, last) if last < M else address(x, following)
                if buffered:  # then x is what has to come
                    one = address(x, following) + first * D * itemsize
                two = address(hs, last) if last < M else address(h, following + 1)
                product(xs, WT, hs, first, last, one, two, D)
            wait(turns, i)
            steps(h, 0, 0, h, u, b, starts, ends, t0, t1, reverse)
            end(turns, i)

    return kernel


@functools.cache
def backward_kernel(code, rows, width, itemsize, has_dh, buffered, masked):
    """dx of the chunks k, k + n, ..., and their share of dW."""
    product = rows_block(rows, width, itemsize)
    sum_up = columns_block(rows, width, itemsize)
    steps = recurrence.backward_kernel(code, has_dh)

    @njit
    def kernel(
        k, n, spans, dh, x, given, W, h, u, carry, partial, total, da, dx, dW, starts, ends, reverse, turns
    ):
        (_, B, D), H = x.shape, len(W)
        for i in range(k, len(spans), n):
            t0, t1 = spans[i]
            following = spans[min(i + n, len(spans) - 1), 0]
            M = (t1 - t0) * B
            xs, dxs, das = x[t0:t1].reshape((M, D)), dx[t0:t1].reshape((M, D)), da[: t1 - t0].reshape((M, H))
            wait(turns, i)
            steps(dh, h, u, carry, partial, total, da, t0, 0, starts, ends, t0, t1, reverse)
            end(turns, i)
            needed = address(xs, 0)
            if buffered:
                needed, xs = address(x, following), read(x, given, t0, t1).reshape((M, D))
            for first in range(0, M, ROWS):
                last = min(M, first + ROWS)
                two = address(dxs, last) if last < M else address(dx, following)
                product(das, W, dxs, first, last, needed + first * D * itemsize, two, D)
                done = first * H * itemsize
                one, two = address(dh, following) + done, address(h, following) + done
                sum_up(das, xs, dW, first, last, i > k or first > 0, one, two)
            if masked:
                multiply(dx, given[4], t0, t1)

    return kernel


@njit
def multiply(dx, mask, t0, t1):
    """dx_t = mask dx_t for the steps t0 to t1."""
    for t in range(t0, t1):
        for b in range(dx.shape[1]):
            for j in range(dx.shape[2]):
                dx[t, b, j] *= mask[b, j]
