"""Compiled twin of reference.py: time outermost, and within a step one flat row of all samples and neurons,
which vectorises.

The kernels work on rows t0 to t1 of whole arrays, so that a caller can go through time in chunks
(ops/indrnn/cpu.py); chunks change no bit of h, da, dh0 and du. The sums for du and db run in the arrays'
dtype over `FLUSH` steps at fixed time indexes and from there in float64, per sample and neuron; samples are
added last.
"""

from __future__ import annotations

import functools

import numpy as np

from ... import _check
from ..._numba import njit
from . import reference
from .step import CODES, dphi, phi

FLUSH = 16  # steps: a few, so that float32 partial sums stay exact to rounding; many, so that flushing costs little

last = reference.last


def forward(a, u, h0, activation="relu", lengths=None, reverse=False, out=None):
    """Twin of reference.forward."""
    reference.check_forward("recurrence.forward", a, u, h0, activation, lengths, out)
    _check.floats("recurrence.forward", a=a)
    T, B, H = a.shape
    h = np.empty((T + 1, B, H), a.dtype) if out is None else out
    h[0] = h0
    in_place = a.size > 0 and np.shares_memory(a, h[1:])
    if in_place and a.ctypes.data != h[1:].ctypes.data:
        _check.fail("recurrence.forward", "a overlaps out", "a to be out[1:] itself or another array")
    rows = Rows(B, H, T, lengths)
    kernel = forward_kernel(CODES[activation], in_place)
    kernel(
        rows.view(a), rows.view(h), rows.tile(u), rows.tile(np.zeros(H, h.dtype)), rows.ends, 0, T, reverse
    )
    return h


def backward(dh, h, u, dhT=None, activation="relu", lengths=None, reverse=False, out=None):
    """Twin of reference.backward."""
    reference.check_backward("recurrence.backward", dh, h, u, dhT, activation, lengths, out)
    _check.floats("recurrence.backward", h=h)
    T, B, H = h.shape[0] - 1, h.shape[1], h.shape[2]
    da = np.empty((T, B, H), h.dtype) if out is None else out
    rows = Rows(B, H, T, lengths)
    sums = Sums(rows, h.dtype, dhT)
    kernel = backward_kernel(CODES[activation], dh is not None)
    kernel(rows.view(da if dh is None else dh), rows.view(h), rows.tile(u), sums.carry, sums.partial, sums.total,
           rows.view(da), rows.ends, 0, T, reverse)  # fmt: skip
    return da, sums.over_samples(0), sums.carry.reshape(B, H)


class Rows:
    """How a kernel sees the arrays: without lengths all samples of a step are one flat row of one long sample."""

    def __init__(self, B, H, T, lengths):
        self.repeat = B if lengths is None else 1
        self.samples, self.units, self.H = (1, B * H, H) if lengths is None else (B, H, H)
        self.ends = np.array([T]) if lengths is None else lengths.astype(np.int64)

    def view(self, array):
        """(T, B, H) as (T, samples, units)."""
        return array.reshape(len(array), self.samples, self.units)

    def tile(self, vector):
        """A vector over neurons, as long as a row."""
        return np.tile(vector, self.repeat)


class Sums:
    """What backward carries from step to step: the gradient on the state, and the sums of da·h_{t-1} and da."""

    def __init__(self, rows, dtype, dhT):
        shape = (rows.samples, rows.units)
        self.carry = np.zeros(shape, dtype) if dhT is None else dhT.reshape(shape).copy()
        self.partial = np.zeros((2, *shape), dtype)
        self.total = np.zeros((2, *shape))
        self.H = rows.H

    def over_samples(self, which):
        """du (which = 0) or db (which = 1), (H,)."""
        return self.total[which].reshape(-1, self.H).sum(axis=0).astype(self.carry.dtype)


@functools.cache
def forward_kernel(code, in_place):
    """h[t+1] = φ(a[t] + b + u h[t]) for t0 <= t < t1; in place, a[t] stands in h[t+1] and a is not read."""

    @njit
    def kernel(a, h, u, b, ends, t0, t1, reverse):
        zero, one = h.dtype.type(0), h.dtype.type(1)
        for i in range(t1 - t0):
            t = t1 - 1 - i if reverse else t0 + i
            for s in range(h.shape[1]):
                if t >= ends[s]:
                    h[t + 1, s, :] = zero
                    continue
                p = t if not reverse else (0 if t == ends[s] - 1 else t + 2)  # the row of h_{t-1}
                for j in range(h.shape[2]):
                    a_t = h[t + 1, s, j] if in_place else a[t, s, j]
                    h[t + 1, s, j] = phi(code, a_t + b[j] + u[j] * h[p, s, j], zero, one)

    return kernel


@functools.cache
def backward_kernel(code, has_dh):
    """da[t] = φ'(h[t+1]) (dh[t] + carry), carry = u da[t]; sums of da h_{t-1} and da. da holds t0 to t1 only."""

    @njit
    def kernel(dh, h, u, carry, partial, total, da, ends, t0, t1, reverse):
        zero, one = h.dtype.type(0), h.dtype.type(1)
        for i in range(t1 - t0):
            t = t0 + i if reverse else t1 - 1 - i
            for s in range(h.shape[1]):
                if t >= ends[s]:
                    da[t - t0, s, :] = zero
                else:
                    p = t if not reverse else (0 if t == ends[s] - 1 else t + 2)
                    for j in range(h.shape[2]):
                        g = dh[t, s, j] + carry[s, j] if has_dh else carry[s, j]
                        d = dphi(code, h[t + 1, s, j], zero, one) * g
                        da[t - t0, s, j] = d
                        carry[s, j] = u[j] * d
                        partial[0, s, j] += d * h[p, s, j]
                        partial[1, s, j] += d
                if t % FLUSH == (FLUSH - 1 if reverse else 0) or (t == ends[s] - 1 and reverse):
                    for j in range(h.shape[2]):
                        total[0, s, j] += partial[0, s, j]
                        total[1, s, j] += partial[1, s, j]
                        partial[0, s, j] = zero
                        partial[1, s, j] = zero

    return kernel
