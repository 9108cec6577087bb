"""The cell with D <= 3 inputs: the projection W x_t is computed inside the recurrence, without a matrix product.

A product with so few columns mostly moves numbers. Forward, the pre-activation a_t exists in a register only. Backward,
da exists for one chunk of time, and each of its rows is read once from the cache for dx and dW together. Threads share
the samples, because here the recurrence is most of the work.
"""

from __future__ import annotations

import functools

import numpy as np

from ..._cpu.arrays import room
from ..._cpu.jit import AS_WRITTEN, njit
from ..._cpu.threads import parallel_for
from ..recurrence.activation import ACTIVATIONS
from ..recurrence.cpu import row_before
from . import chunks

INPUTS = 3  # largest D of this strategy
RUN = 8  # time steps that are summed in the arrays' dtype before they are added to a sum in float64


def forward(x, W, u, b, h, activation, lengths, reverse):
    """Fill h[1:] (T+1, B, H); h[0] is set."""
    (_, B, D), ends = x.shape, _ends(lengths, x)
    kernel, rows = forward_kernel(activation, D), np.ascontiguousarray(W.T)
    parallel_for(B, h.size, lambda b0, b1: kernel(x, rows, u, b, h, ends, b0, b1, reverse), grain=1)


def backward(dh, x, W, recurrence, dx, work):
    """Fill dx (T, B, D) and return dW; the recurrence's backward pass gives da, du, db and dh0."""
    (T, B, D), H = x.shape, len(W)
    sums = np.zeros((B, D, H))  # of each thread, at its first sample
    ends, rows = _ends(recurrence.lengths, x), np.ascontiguousarray(W.T)

    def samples(b0, b1):
        steps = chunks.steps_for_blas((b1 - b0) * H * W.itemsize, W.nbytes, 1)
        spans = chunks.cut(T, steps, 1, not recurrence.reverse)
        buffer = room(work, f"da of samples {b0}", (chunks.longest(spans), b1 - b0, H), x.dtype)
        for t0, t1 in spans:
            da = buffer[: t1 - t0]
            recurrence.run(t0, t1, b0, b1, dh, da, (t0, b0))
            gradients_kernel(D)(da, x[t0:t1, b0:b1], rows, ends[b0:b1] - t0, dx[t0:t1, b0:b1], sums[b0])

    parallel_for(B, T * B * H, samples, grain=1)
    return np.ascontiguousarray(sums.sum(axis=0).T.astype(x.dtype))


def _ends(lengths, x):
    return np.full(x.shape[1], len(x)) if lengths is None else lengths.astype(np.int64)


@functools.cache
def forward_kernel(activation, D):
    """h[t+1] = φ(W x[t] + b + u h[t]) for samples b0 to b1; W is (D, H).

    The thread owns these samples. Moves 1 + D / H words an element of h: h is written and x is read.
    """
    phi = ACTIVATIONS[activation].phi

    @njit(rounding=AS_WRITTEN)
    def kernel(x, W, u, b, h, ends, b0, b1, reverse):
        zero, one, T, H = h.dtype.type(0), h.dtype.type(1), len(x), len(u)
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
                    h[t + 1, s, j] = phi(a + b[j] + u[j] * h[p, s, j], zero, one)

    return kernel


@functools.cache
def gradients_kernel(D):
    """dx[t] = da[t] W and sums += Σ_t da[t]ᵀ x[t] for W and sums (D, H).

    The thread owns its samples and its sums. RUN time steps are summed before float64 adds them.
    Moves 1 + 2 D / H words for each element of da, which lies in the cache.
    """

    @njit
    def kernel(da, x, W, ends, dx, sums):
        zero, (steps, B, H) = da.dtype.type(0), da.shape
        part = np.empty((D, H), da.dtype)
        W0, W1, W2 = W[0], W[min(1, D - 1)], W[min(2, D - 1)]
        part0, part1, part2 = part[0], part[min(1, D - 1)], part[min(2, D - 1)]
        for first in range(0, steps, RUN):
            part[:] = zero
            for t in range(first, min(steps, first + RUN)):
                for s in range(B):
                    if t >= ends[s]:
                        dx[t, s] = zero
                        continue
                    row, dx0, dx1, dx2 = da[t, s], zero, zero, zero
                    x0, x1, x2 = x[t, s, 0], x[t, s, min(1, D - 1)], x[t, s, min(2, D - 1)]
                    for j in range(H):
                        dx0 += row[j] * W0[j]
                        part0[j] += row[j] * x0
                        if D > 1:
                            dx1 += row[j] * W1[j]
                            part1[j] += row[j] * x1
                        if D > 2:
                            dx2 += row[j] * W2[j]
                            part2[j] += row[j] * x2
                    dx[t, s, 0] = dx0
                    if D > 1:
                        dx[t, s, 1] = dx1
                    if D > 2:
                        dx[t, s, 2] = dx2
            sums += part

    return kernel
