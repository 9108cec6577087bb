"""Run the cell with products by BLAS: a loop over chunks in Python.

Thread k of n processes the chunks k, k + n, ... The products of different chunks run at the same
time; the recurrence, which is short, passes from chunk to chunk. The rows that a product reads and
writes are contiguous, so nothing is copied.

A probe needs this loop even if tiles would multiply by W. The products then use the same tiles, so
a probe does not change the bits of the result.
"""

from __future__ import annotations

import numpy as np

from ..._cpu.arrays import as_rows, room
from ..._cpu.threads import relay
from .chunks import longest
from .input_chunks import read
from .tiled_products import columns_kernel, rows_kernel, tile_for


def forward(x, inputs, spans, W, recurrence):
    """Fill the states h of `recurrence`, a ForwardPass.

    Parameters
    ----------
    inputs : list of InputChunk or None
        Buffer of each thread for its part of the input; None if x itself is read.
    spans : tuple of (int, int)
        Chunks of time [t0, t1) in the order of the walk.
    """
    T, B, H = len(x), recurrence.B, len(W)
    n, WT, h = len(inputs), right_factor(W.T), recurrence.h

    def product(i):
        t0, t1 = spans[i]
        rows = rows_of(x, inputs[i % n], t0, t1)
        rows_times(rows, WT, h[t0 + 1 : t1 + 1].reshape(len(rows), H))

    relay(len(spans), n, T * B * H, lambda i: recurrence.run(*spans[i], 0, B), before=product)


def backward(dh, x, inputs, spans, W, recurrence, mask, dx, work, probe):
    """Fill dx (T, B, D), scaled by mask (B, D) or None, and return dW; dx and probe may be None."""
    (T, B, D), H, n = x.shape, len(W), len(inputs)
    da = room(work, "da", (n, longest(spans), B, H), x.dtype)  # each thread's current chunk
    dW = room(work, "dW of a thread", (n, H, D), W.dtype)
    scratch = room(work, "dW of a chunk", dW.shape, W.dtype)
    W = right_factor(W)

    def step_back(i):
        t0, t1 = spans[i]
        da_chunk = da[i % n, : t1 - t0]
        recurrence.run(t0, t1, 0, B, dh, da_chunk, (t0, 0))
        if probe is not None:
            probe(t0, t1, None if dh is None else dh[t0:t1], da_chunk)

    def products(i):
        k, (t0, t1) = i % n, spans[i]
        rows = as_rows(da[k, : t1 - t0])
        if dx is not None:
            rows_times(rows, W, as_rows(dx[t0:t1]))
            if mask is not None:
                dx[t0:t1] *= mask
        columns_times(rows, rows_of(x, inputs[k], t0, t1), dW[k], i >= n, scratch[k])

    relay(len(spans), n, T * B * H, step_back, after=products)
    return dW[: len(spans)].sum(axis=0)  # there may be fewer chunks than threads


def rows_of(x, chunk, t0, t1):
    """Return time steps t0 to t1 of the input as rows (steps · B, D)."""
    return as_rows(x[t0:t1] if chunk is None else read(x, chunk, t0, t1))


def right_factor(B):
    """Return B in the layout that `rows_times` needs."""
    return B if tile_for(B.shape, B.itemsize) is None else np.ascontiguousarray(B)


def rows_times(A, B, out):
    """Compute out (M, N) = A (M, K) B (K, N); B comes from `right_factor`."""
    tile = tile_for(B.shape, B.itemsize)
    if tile is None or len(A) < tile.rows:
        np.matmul(A, B, out=out)
    else:
        rows_kernel(*tile, B.itemsize)(A, B, out)


def columns_times(A, B, out, add, scratch):
    """Compute out (H, D) = Aᵀ B, or out += Aᵀ B with `add`; BLAS may write `scratch` (H, D)."""
    tile = tile_for(out.shape, out.itemsize)
    if tile is not None and len(A):
        columns_kernel(*tile, out.itemsize)(A, B, out, add)
    else:
        np.matmul(A.T, B, out=scratch if add else out)
        if add:
            out += scratch
