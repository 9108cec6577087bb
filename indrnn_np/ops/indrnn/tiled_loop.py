"""Run the cell with products by tiles: one compiled loop over chunks on each thread.

Thread k of n processes the chunks k, k + n, ... The products of different chunks run at the same
time; the recurrence passes from chunk to chunk in turns (_cpu/turns.py). While a tile multiplies,
it prefetches the rows that the thread reads and writes next, so memory and arithmetic work at the
same time. blas_loop.py computes the same results, in the same order, by calls from Python.
"""

from __future__ import annotations

import functools

import numpy as np

from ..._cpu.arrays import room
from ..._cpu.jit import njit
from ..._cpu.threads import in_turns
from ..._cpu.turns import end, wait
from ..recurrence.cpu import flat
from .chunks import CUTS, longest
from .input_chunks import read
from .tiled_products import ROWS, address, columns_block, rows_block, tile_for


def forward(x, inputs, spans, W, recurrence):
    """Fill the states h of `recurrence`, a ForwardPass; arguments as in blas_loop.forward."""
    steps = recurrence.kernel(0, recurrence.B, True)
    kernel = forward_kernel(steps, *tile_for(W.shape, W.itemsize), W.itemsize)
    n, spans, WT = len(inputs), _as_array(spans), np.ascontiguousarray(W.T)
    h, u, b, reverse = recurrence.h, recurrence.u, recurrence.b, recurrence.reverse

    def run(k, turns):
        kernel(k, n, spans, x, inputs[k], WT, h, u, b, *recurrence.whole, reverse, turns)

    in_turns(n, h.size, run)


def backward(dh, x, inputs, spans, W, recurrence, mask, dx, work):
    """Fill dx (T, B, D) or None, scaled by mask (B, D) or None, and return dW."""
    (_, B, D), H, n = x.shape, len(W), len(inputs)
    steps = recurrence.kernel(0, B, dh is not None)
    kernel = backward_kernel(steps, *tile_for(W.shape, W.itemsize), W.itemsize)
    da = room(work, "da", (n, longest(spans), B, H), x.dtype)  # each thread's current chunk
    dW = room(work, "dW of a thread", (n, H, D), W.dtype)
    r, array_of_spans, W = recurrence, _as_array(spans), np.ascontiguousarray(W)
    dh = r.h if dh is None else flat(dh)  # h is a placeholder, which the kernel only prefetches

    def run(k, turns):
        kernel(k, n, array_of_spans, dh, x, inputs[k], W, r.h, r.u, r.carry, r.partial, r.total, flat(da[k]), dx,
               dW[k], mask, *r.whole, r.reverse, turns)  # fmt: skip

    in_turns(n, r.h.size, run)
    return dW[: len(spans)].sum(axis=0)  # there may be fewer chunks than threads


@functools.lru_cache(CUTS)
def _as_array(spans):
    return np.array(spans)


@functools.cache
def forward_kernel(steps, rows, width, itemsize):
    """Return a kernel for h[t+1] = φ(W x[t] + b + u h[t]) of the chunks k, k + n, ... of thread k.

    The thread owns the rows of h that belong to its chunks. Moves 2 words an element between memory
    and cache: x is read once and h is written once. `chunk` is an InputChunk, or None if x itself
    is read. `steps` is the kernel of the recurrence, in place.
    """
    product = rows_block(rows, width, itemsize)

    @njit
    def kernel(k, n, spans, x, chunk, WT, h, u, b, edges, ends, reverse, turns):
        (_, B, D), H = x.shape, WT.shape[1]
        for i in range(k, len(spans), n):
            t0, t1 = spans[i]
            next_t0 = spans[min(i + n, len(spans) - 1), 0]
            M = (t1 - t0) * B
            xs, hs = x[t0:t1].reshape((M, D)), h[t0 + 1 : t1 + 1].reshape((M, H))
            if chunk is not None:
                xs = read(x, chunk, t0, t1).reshape((M, D))
            for first in range(0, M, ROWS):
                last = min(M, first + ROWS)
                next_x = address(xs, last) if last < M else address(x, next_t0)
                if chunk is not None:  # xs is in cache already, so prefetch x
                    next_x = address(x, next_t0) + first * D * itemsize
                next_h = address(hs, last) if last < M else address(h, next_t0 + 1)
                product(xs, WT, hs, first, last, next_x, next_h, D)
            wait(turns, i)
            steps(h, h, u, b, edges, ends, t0, t1, reverse)
            end(turns, i)

    return kernel


@functools.cache
def backward_kernel(steps, rows, width, itemsize):
    """Return a kernel for the backward pass over the chunks k, k + n, ... of thread k.

    da[t] = φ'(h[t+1]) (dh[t] + carry), then dx[t] = da[t] W and dW = Σ_t da[t]ᵀ x[t]. The thread
    owns `da` (one chunk), its rows of dx, and its dW. Moves 4 words an element between memory and
    cache: dh, h and x are read once and dx is written once. `chunk`, `dx` and `mask` may be None.
    `steps` is the kernel of the recurrence.
    """
    product = rows_block(rows, width, itemsize)
    sum_up = columns_block(rows, width, itemsize)

    @njit
    def kernel(
        k, n, spans, dh, x, chunk, W, h, u, carry, partial, total, da, dx, dW, mask, edges, ends, reverse, turns
    ):  # fmt: skip
        (_, B, D), H = x.shape, len(W)
        for i in range(k, len(spans), n):
            t0, t1 = spans[i]
            next_t0 = spans[min(i + n, len(spans) - 1), 0]
            M = (t1 - t0) * B
            xs, das = x[t0:t1].reshape((M, D)), da[: t1 - t0].reshape((M, H))
            wait(turns, i)
            steps(dh, h, u, carry, partial, total, da, t0, 0, edges, ends, t0, t1, reverse)
            end(turns, i)
            next_x = address(xs, 0)
            if chunk is not None:
                next_x, xs = address(x, next_t0), read(x, chunk, t0, t1).reshape((M, D))
            for first in range(0, M, ROWS):
                last = min(M, first + ROWS)
                if dx is not None:
                    dxs = dx[t0:t1].reshape((M, D))
                    next_dx = address(dxs, last) if last < M else address(dx, next_t0)
                    product(das, W, dxs, first, last, next_x + first * D * itemsize, next_dx, D)
                offset = first * H * itemsize
                next_dh, next_h = address(dh, next_t0) + offset, address(h, next_t0) + offset
                sum_up(das, xs, dW, first, last, i > k or first > 0, next_dh, next_h)
            if dx is not None and mask is not None:
                multiply(dx, mask, t0, t1)

    return kernel


@njit
def multiply(dx, mask, t0, t1):
    """Compute dx_t = mask dx_t for time steps t0 to t1."""
    for t in range(t0, t1):
        for b in range(dx.shape[1]):
            for j in range(dx.shape[2]):
                dx[t, b, j] *= mask[b, j]
