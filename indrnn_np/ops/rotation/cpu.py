"""Compiled twin of reference.py: the real parts of a sample are one vector, the imaginary parts another.

The sums for du run in the dtype of the arrays over `FLUSH` time steps at fixed indexes, then in
float64 for each column; samples are added last. So the bits do not depend on the number of threads.
"""

from __future__ import annotations

import functools

import numpy as np

from ... import _check
from ..._cpu.arrays import aligned, empty, empty_like, zeros
from ..._cpu.jit import AS_WRITTEN, njit
from ..._cpu.threads import parallel_for
from ..recurrence.steps import FLUSH, flush, row_before
from . import contract


def forward(a, u, h0, lengths=None, reverse=False, out=None):
    """Twin of reference.forward."""
    contract.check_forward("rotation.forward", a, u, h0, lengths, reverse, out)
    _check.floats("rotation.forward", a=a)
    T, B, H = a.shape
    h = empty((T + 1, B, H), a.dtype) if out is None else out
    h[0] = h0
    in_place = out is not None and np.may_share_memory(a, out)
    kernel, ends = forward_kernel(in_place), sample_ends(h, lengths)
    a = h if in_place else a
    parallel_for(B, h.size, lambda b0, b1: kernel(a, h, u, ends, b0, b1, reverse), grain=1)
    return h


def backward(dh, h, u, dhT=None, lengths=None, reverse=False, out=None):
    """Twin of reference.backward."""
    contract.check_backward("rotation.backward", dh, h, u, dhT, lengths, reverse, out)
    _check.floats("rotation.backward", h=h)
    da = empty_like(h[1:]) if out is None else out
    carry = zeros(h.shape[1:], h.dtype) if dhT is None else aligned(dhT)
    partial, total = zeros(carry.shape, h.dtype), zeros(carry.shape, np.float64)
    kernel, ends = backward_kernel(dh is not None), sample_ends(h, lengths)
    dh = da if dh is None else dh  # the kernel ignores da in place of dh

    def run(b0, b1):
        kernel(dh, h, u, carry, partial, total, da, ends, b0, b1, reverse)

    parallel_for(h.shape[1], h.size, run, grain=1)
    return da, total.sum(axis=0).astype(h.dtype), carry


def sample_ends(h, lengths):
    """Return the number of time steps of each sample."""
    return np.full(h.shape[1], len(h) - 1) if lengths is None else lengths.astype(np.int64)


@functools.cache
def forward_kernel(in_place):
    """Return a kernel for z[t+1] = λ z[t] + a[t] of samples b0 to b1; in place, h holds a in rows 1 to T."""

    @njit(rounding=AS_WRITTEN)
    def kernel(a, h, u, ends, b0, b1, reverse):
        T, n = len(h) - 1, len(u) // 2
        for i in range(T):
            t = T - 1 - i if reverse else i
            for b in range(b0, b1):
                h_t = h[t + 1, b]
                if t >= ends[b]:
                    h_t[:] = h.dtype.type(0)
                    continue
                a_t, h_prev = h_t if in_place else a[t, b], h[row_before(t, ends[b], reverse), b]
                x, y, a_x, a_y = h_prev[:n], h_prev[n:], a_t[:n], a_t[n:]
                multiply(u[:n], u[n:], x, y, a_x, a_y, h_t[:n], h_t[n:])

    return kernel


@njit(rounding=AS_WRITTEN, inline="always")
def multiply(p, q, x, y, a_x, a_y, x_t, y_t):
    """Set x_t + i y_t = (p + i q) (x + i y) + a_x + i a_y."""
    for j in range(len(x_t)):
        x_t[j] = p[j] * x[j] - q[j] * y[j] + a_x[j]
    for j in range(len(y_t)):
        y_t[j] = q[j] * x[j] + p[j] * y[j] + a_y[j]


@functools.cache
def backward_kernel(has_dh):
    """Return a kernel for da[t] = dh[t] + carry of samples b0 to b1; carry = λ* da[t], sums Σ z* da."""

    @njit(rounding=AS_WRITTEN)
    def kernel(dh, h, u, carry, partial, total, da, ends, b0, b1, reverse):
        T = len(da)
        for i in range(T):
            t = i if reverse else T - 1 - i
            for b in range(b0, b1):
                da_t = da[t, b]
                if t >= ends[b]:
                    da_t[:] = h.dtype.type(0)
                    continue
                dh_t, carry_b = dh[t, b], carry[b]
                for j in range(len(da_t)):
                    da_t[j] = dh_t[j] + carry_b[j] if has_dh else carry_b[j]
                step_back(da_t, h[row_before(t, ends[b], reverse), b], u, carry_b, partial[b])
            if t % FLUSH == 0 or i == T - 1:
                flush(partial[b0:b1], total[b0:b1])

    return kernel


@njit(rounding=AS_WRITTEN, inline="always")
def step_back(da, h_prev, u, carry, partial):
    """Set carry = λ* da, and add z* da to the sums, for z = h_prev of one sample."""
    n = len(u) // 2
    p, q, x, y, da_x, da_y = u[:n], u[n:], h_prev[:n], h_prev[n:], da[:n], da[n:]
    carry_x, carry_y, dp, dq = carry[:n], carry[n:], partial[:n], partial[n:]
    for j in range(n):
        carry_x[j] = p[j] * da_x[j] + q[j] * da_y[j]
    for j in range(n):
        carry_y[j] = p[j] * da_y[j] - q[j] * da_x[j]
    for j in range(n):
        dp[j] += x[j] * da_x[j] + y[j] * da_y[j]
    for j in range(n):
        dq[j] += x[j] * da_y[j] - y[j] * da_x[j]
