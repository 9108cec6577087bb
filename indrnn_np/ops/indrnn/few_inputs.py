"""Run the cell for D <= 3 inputs: the recurrence computes W x_t without a matrix product.

A product with so few columns mostly moves numbers. In the forward pass, the pre-activation a_t
exists in a register only. In the backward pass, da exists for one chunk of time, and each row is
read once from the cache for dx and dW together. Threads share the samples, because the recurrence
is most of the work. The states of a single sample with few neurons stay in registers.
"""

from __future__ import annotations

import functools

import numpy as np

from ..._cpu.arrays import room
from ..._cpu.jit import AS_WRITTEN, njit
from ..._cpu.threads import parallel_for
from ..._cpu.vectors import lanes, load, map_lanes, store
from ..recurrence.activation import ACTIVATIONS
from ..recurrence.few_columns import width_for
from ..recurrence.steps import row_before
from . import chunks

INPUTS = 3  # largest D of this strategy
RUN = 8  # time steps that are summed in the arrays' dtype before float64 adds them


def forward(x, W, u, b, h, activation, lengths, reverse):
    """Fill h[1:] (T, B, H); h[0] is the initial state."""
    (_, B, D), ends = x.shape, _ends(lengths, x)
    WT, width = np.ascontiguousarray(W.T), width_for(len(W), len(W))

    def samples(b0, b1):
        one = width and b1 - b0 == 1
        kernel = one_sample_kernel(activation, D, width) if one else forward_kernel(activation, D)
        kernel(x, WT, u, b, h, ends, b0, b1, reverse)

    parallel_for(B, h.size, samples, grain=1)


def backward(dh, x, W, recurrence, dx, work):
    """Fill dx (T, B, D) or None, and return dW; `recurrence`, a BackwardPass, holds du, db and dh0."""
    (T, B, D), H = x.shape, len(W)
    sums = np.zeros((B, D, H))  # dWᵀ of each thread, at the index of its first sample
    ends, WT = _ends(recurrence.lengths, x), np.ascontiguousarray(W.T)

    def samples(b0, b1):
        steps = chunks.steps_for_blas((b1 - b0) * H * W.itemsize, W.nbytes, 1)
        spans = chunks.cut(T, steps, 1, not recurrence.reverse)
        buffer = room(work, f"da of samples {b0}", (chunks.longest(spans), b1 - b0, H), x.dtype)
        for t0, t1 in spans:
            da = buffer[: t1 - t0]
            recurrence.run(t0, t1, b0, b1, dh, da, (t0, b0))
            dx_part = None if dx is None else dx[t0:t1, b0:b1]
            gradients_kernel(D)(da, x[t0:t1, b0:b1], WT, ends[b0:b1] - t0, dx_part, sums[b0])

    parallel_for(B, T * B * H, samples, grain=1)
    return np.ascontiguousarray(sums.sum(axis=0).T.astype(x.dtype))


def _ends(lengths, x):
    """Return the number of valid time steps of each sample as int64 (B,)."""
    return np.full(x.shape[1], len(x)) if lengths is None else lengths.astype(np.int64)


@functools.cache
def forward_kernel(activation, D):
    """Return a kernel for h[t+1] = φ(W x[t] + b + u h[t]) of samples b0 to b1; WT is (D, H).

    The thread owns these samples. Moves 1 + D / H words an element of h: h is written, x is read.
    """
    phi = ACTIVATIONS[activation].phi

    @njit(rounding=AS_WRITTEN)
    def kernel(x, WT, u, b, h, ends, b0, b1, reverse):
        zero, one, T, H = h.dtype.type(0), h.dtype.type(1), len(x), len(u)
        for i in range(T):
            t = T - 1 - i if reverse else i
            for s in range(b0, b1):
                if t >= ends[s]:
                    h[t + 1, s] = zero
                    continue
                previous = row_before(t, ends[s], reverse)
                x0, x1, x2 = x[t, s, 0], x[t, s, min(1, D - 1)], x[t, s, min(2, D - 1)]
                for j in range(H):
                    a = WT[0, j] * x0
                    if D > 1:
                        a += WT[1, j] * x1
                    if D > 2:
                        a += WT[2, j] * x2
                    h[t + 1, s, j] = phi(a + b[j] + u[j] * h[previous, s, j], zero, one)

    return kernel


@functools.cache
def one_sample_kernel(activation, D, width):
    """Return the kernel of forward_kernel whose states are one vector, as in recurrence/few_columns.py.

    It is for one sample: it processes samples in sequence, so no sample fills the waits of another.
    """
    phi = ACTIVATIONS[activation].phi

    @njit(rounding=AS_WRITTEN)
    def step(w0, w1, w2, x0, x1, x2, b, u, h, zero, one):
        a = w0 * x0
        if D > 1:
            a += w1 * x1
        if D > 2:
            a += w2 * x2
        return phi(a + b + u * h, zero, one)

    @njit(rounding=AS_WRITTEN)
    def kernel(x, WT, u, b, h, ends, b0, b1, reverse):
        zero, one, B, H = h.dtype.type(0), h.dtype.type(1), x.shape[1], len(u)
        mask = lanes(H, width)
        w0, w1, w2 = load(WT, 0, mask), load(WT, min(1, D - 1) * H, mask), load(WT, min(2, D - 1) * H, mask)
        u_s, b_s = load(u, 0, mask), load(b, 0, mask)
        for s in range(b0, b1):
            end = ends[s]
            h[end + 1 :, s] = zero
            h_t = load(h, H * (B * row_before(end - 1 if reverse else 0, end, reverse) + s), mask)
            for i in range(end):
                t = end - 1 - i if reverse else i
                x0, x1, x2 = x[t, s, 0], x[t, s, min(1, D - 1)], x[t, s, min(2, D - 1)]
                h_t = map_lanes(step, (w0, w1, w2, x0, x1, x2, b_s, u_s, h_t, zero, one))
                store(h, H * (B * (t + 1) + s), mask, h_t)

    return kernel


@functools.cache
def gradients_kernel(D):
    """Return a kernel for dx[t] = da[t] W and sums += Σ_t x[t]ᵀ da[t], with WT and sums (D, H).

    dx may be None. The thread owns its samples and its sums. RUN time steps are summed before float64 adds them.
    Moves 1 + 2 D / H words for each element of da, which is in the cache.
    """

    @njit
    def kernel(da, x, WT, ends, dx, sums):
        zero, (steps, B, H) = da.dtype.type(0), da.shape
        part = np.empty((D, H), da.dtype)
        W0, W1, W2 = WT[0], WT[min(1, D - 1)], WT[min(2, D - 1)]
        part0, part1, part2 = part[0], part[min(1, D - 1)], part[min(2, D - 1)]
        for first in range(0, steps, RUN):
            part[:] = zero
            for t in range(first, min(steps, first + RUN)):
                for s in range(B):
                    if t >= ends[s]:
                        if dx is not None:
                            dx[t, s] = zero
                        continue
                    da_t, dx0, dx1, dx2 = da[t, s], zero, zero, zero
                    x0, x1, x2 = x[t, s, 0], x[t, s, min(1, D - 1)], x[t, s, min(2, D - 1)]
                    for j in range(H):
                        dx0 += da_t[j] * W0[j]
                        part0[j] += da_t[j] * x0
                        if D > 1:
                            dx1 += da_t[j] * W1[j]
                            part1[j] += da_t[j] * x1
                        if D > 2:
                            dx2 += da_t[j] * W2[j]
                            part2[j] += da_t[j] * x2
                    if dx is not None:
                        dx[t, s, 0] = dx0
                        if D > 1:
                            dx[t, s, 1] = dx1
                        if D > 2:
                            dx[t, s, 2] = dx2
            sums += part

    return kernel
