"""The cell for few inputs (D <= 3), without a product over all of time: one with so few columns mostly moves numbers.

Forward, W x_t is computed inside the loop of the recurrence, and a_t exists in a register only. Backward, da exists for
one chunk of time, and the narrow products that dx and dW need find it in cache. Threads share the samples, because here
the recurrence is most of the work.
"""

from __future__ import annotations

import functools

import numpy as np

from ..._numba import AS_WRITTEN, njit
from ..._threads import over
from ..recurrence.cpu import row_before
from ..recurrence.step import CODES, phi

INPUTS = 3  # the largest D


def forward(x, W, u, b, h, activation, lengths, reverse):
    """Fill h[1:] (T+1, B, H); h[0] is set."""
    (_, B, D), ends = x.shape, _ends(lengths, x)
    kernel, rows = forward_kernel(CODES[activation], D), np.ascontiguousarray(W.T)
    over(B, h.size, lambda b0, b1: kernel(x, rows, u, b, h, ends, b0, b1, reverse), grain=1)


def backward(dh, x, W, walk, chunks, dx, empty):
    """Fill dx (T, B, D) and return dW.

    walk
        The recurrence's backward pass, which gives da and keeps the other sums.
    chunks
        A function: the chunks of time [t0, t1) for so many samples, in walking order.
    empty
        A function: an array of that name and shape.
    """
    (T, B, D), H = x.shape, len(W)
    sums = np.zeros((B, *W.shape))  # of each thread, at its first sample

    def samples(b0, b1):
        spans = chunks(b1 - b0)
        buffer = empty(f"da of samples {b0}", (max(t1 - t0 for t0, t1 in spans), b1 - b0, H))
        for t0, t1 in spans:
            da = buffer[: t1 - t0]
            walk.run(t0, t1, b0, b1, dh, da, (t0, b0))
            dx[t0:t1, b0:b1] = (da.reshape(-1, H) @ W).reshape(t1 - t0, b1 - b0, D)
            part = x[t0:t1, b0:b1].reshape(-1, D)  # few numbers: a copy costs nothing
            if walk.lengths is not None:
                part = np.where((np.arange(t0, t1)[:, None] < walk.lengths[b0:b1]).reshape(-1, 1), part, 0)
            sums[b0] += da.reshape(-1, H).T @ part

    over(B, T * B * H, samples, grain=1)
    return sums.sum(axis=0).astype(x.dtype)


def _ends(lengths, x):
    return np.full(x.shape[1], len(x)) if lengths is None else lengths.astype(np.int64)


@functools.cache
def forward_kernel(code, D):
    """h[t+1] = φ(W x[t] + b + u h[t]) for samples b0 to b1; W is (D, H)."""

    @njit(rounding=AS_WRITTEN)
    def kernel(x, W, u, b, h, ends, b0, b1, reverse):
        zero, T, H = h.dtype.type(0), len(x), len(u)
        for i in range(T):
            t = T - 1 - i if reverse else i
            for s in range(b0, b1):
                if t >= ends[s]:
                    h[t + 1, s] = zero
                    continue
                p = row_before(t, ends[s], reverse)
                x0, x1, x2 = x[t, s, 0], x[t, s, min(1, D - 1)], x[t, s, min(2, D - 1)]
                for j in range(H):
                    a = W[0, j] * x0
                    if D > 1:
                        a += W[1, j] * x1
                    if D > 2:
                        a += W[2, j] * x2
                    h[t + 1, s, j] = phi(code, a + b[j] + u[j] * h[p, s, j], zero)

    return kernel
