"""Compiled twin of reference.py: time outermost, within a step one flat row of samples and neurons: it vectorises.

The kernels work on steps t0 to t1 and samples b0 to b1 of whole arrays, so that a caller can go through time in
chunks and share the samples between threads (ops/indrnn/cpu.py); neither changes a bit of h, da, dh0 and du. The
sums for du and db run in the arrays' dtype over `FLUSH` steps at fixed time indexes and from there in float64, per
sample and neuron; samples are added last.
"""

from __future__ import annotations

import functools

import numpy as np

from ... import _check
from ..._numba import njit
from ..._threads import over
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
    walk = ForwardPass(h, u, np.zeros_like(u), activation, lengths, reverse)
    a = None if out is not None and np.may_share_memory(a, out) else a  # then it is out[1:] itself
    over(B, a.size if a is not None else h.size, lambda b0, b1: walk.run(0, T, b0, b1, a), grain=1)
    return h


def backward(dh, h, u, dhT=None, activation="relu", lengths=None, reverse=False, out=None):
    """Twin of reference.backward."""
    reference.check_backward("recurrence.backward", dh, h, u, dhT, activation, lengths, out)
    _check.floats("recurrence.backward", h=h)
    da = np.empty_like(h[1:]) if out is None else out
    walk = BackwardPass(h, u, dhT, activation, lengths, reverse)
    over(h.shape[1], h.size, lambda b0, b1: walk.run(0, len(da), b0, b1, dh, da), grain=1)
    return da, walk.du, walk.dh0


class Pass:
    """A walk over h (T+1, B, H) as its kernels see it: flat rows of B·H numbers.

    Without lengths the samples b0 to b1 are one block of columns that ends at step T; with lengths each is a block.
    """

    def __init__(self, h, u, activation, lengths, reverse):
        self.T, self.B, self.H = h.shape[0] - 1, h.shape[1], h.shape[2]
        self.code, self.reverse = CODES[activation], reverse
        self.lengths = None if lengths is None else lengths.astype(np.int64)
        self.h, self.u = flat(h), np.tile(u, self.B)

    def blocks(self, b0, b1):
        """Where the blocks of columns start, with the end of the last one, and after how many steps each ends."""
        if self.lengths is None:
            return np.array([b0 * self.H, b1 * self.H]), np.array([self.T])
        return np.arange(b0, b1 + 1) * self.H, self.lengths[b0:b1]


class ForwardPass(Pass):
    """Row 0 of h is set; `run` fills the rows of steps t0 to t1, to be called in walking order."""

    def __init__(self, h, u, b, activation, lengths, reverse):
        super().__init__(h, u, activation, lengths, reverse)
        self.b = np.tile(b, self.B)

    def run(self, t0, t1, b0, b1, a=None, corner=(0, 0)):
        """Pre-activations without their bias stand in a, whose [0, 0] is step and sample `corner`, or in h itself."""
        kernel = forward_kernel(self.code, a is None)
        a = self.h if a is None else flat(a)
        starts, ends = self.blocks(b0, b1)
        kernel(a, corner[0], corner[1] * self.H, self.h, self.u, self.b, starts, ends, t0, t1, self.reverse)


class BackwardPass(Pass):
    """`run` gives da for steps t0 to t1, and carries the gradient on the state and the sums for du and db on."""

    def __init__(self, h, u, dhT, activation, lengths, reverse):
        super().__init__(h, u, activation, lengths, reverse)
        columns = self.B * self.H
        self.carry = np.zeros(columns, h.dtype) if dhT is None else dhT.reshape(columns).copy()
        self.partial = np.zeros((2, columns), h.dtype)
        self.total = np.zeros((2, columns))

    def run(self, t0, t1, b0, b1, dh, da, corner=(0, 0)):
        """dh (T, B, H) or None; da is written, its [0, 0] is step and sample `corner`."""
        kernel, da = backward_kernel(self.code, dh is not None), flat(da)
        dh = da if dh is None else flat(dh)
        starts, ends = self.blocks(b0, b1)
        kernel(dh, self.h, self.u, self.carry, self.partial, self.total, da, corner[0], corner[1] * self.H, starts,
               ends, t0, t1, self.reverse)  # fmt: skip

    @property
    def du(self):
        return self._over_samples(0)

    @property
    def db(self):
        return self._over_samples(1)

    @property
    def dh0(self):
        return self.carry.reshape(self.B, self.H)

    def _over_samples(self, which):
        return self.total[which].reshape(self.B, self.H).sum(axis=0).astype(self.carry.dtype)


def flat(array):
    """(T, B, H) as (T, B·H)."""
    return array.reshape(len(array), array.shape[1] * array.shape[2])


@functools.cache
def forward_kernel(code, in_place):
    """h[t+1] = φ(a[t] + b + u h[t]) for steps t0 to t1 and some blocks of columns; in place, a[t] stands in h[t+1]."""

    @njit
    def kernel(a, row, column, h, u, b, starts, ends, t0, t1, reverse):
        zero, one = h.dtype.type(0), h.dtype.type(1)
        for i in range(t1 - t0):
            t = t1 - 1 - i if reverse else t0 + i
            for k in range(len(ends)):
                j0, j1 = starts[k], starts[k + 1]
                h_t, u_k, b_k = h[t + 1, j0:j1], u[j0:j1], b[j0:j1]
                if t >= ends[k]:
                    h_t[:] = zero
                    continue
                p = t if not reverse else (0 if t == ends[k] - 1 else t + 2)
                h_prev = h[p, j0:j1]
                a_t = h_t if in_place else a[t - row, j0 - column : j1 - column]
                for j in range(len(h_t)):  # from 0: an index that might be negative does not vectorise
                    h_t[j] = phi(code, a_t[j] + b_k[j] + u_k[j] * h_prev[j], zero, one)

    return kernel


@functools.cache
def backward_kernel(code, has_dh):
    """da[t] = φ'(h[t+1]) (dh[t] + carry), carry = u da[t], and the sums of da h_{t-1} and da."""

    @njit
    def kernel(dh, h, u, carry, partial, total, da, row, column, starts, ends, t0, t1, reverse):
        zero, one = h.dtype.type(0), h.dtype.type(1)
        for i in range(t1 - t0):
            t = t0 + i if reverse else t1 - 1 - i
            for k in range(len(ends)):
                j0, j1 = starts[k], starts[k + 1]
                da_t, c = da[t - row, j0 - column : j1 - column], carry[j0:j1]
                du, db = partial[0, j0:j1], partial[1, j0:j1]
                if t >= ends[k]:
                    da_t[:] = zero
                else:
                    p = t if not reverse else (0 if t == ends[k] - 1 else t + 2)
                    h_t, h_prev, u_k = h[t + 1, j0:j1], h[p, j0:j1], u[j0:j1]
                    dh_t = dh[t, j0:j1] if has_dh else c
                    for j in range(len(h_t)):
                        g = dh_t[j] + c[j] if has_dh else c[j]
                        d = dphi(code, h_t[j], zero, one) * g
                        da_t[j] = d
                        c[j] = u_k[j] * d
                        du[j] += d * h_prev[j]
                        db[j] += d
                if t % FLUSH == (FLUSH - 1 if reverse else 0) or (t == ends[k] - 1 and reverse):
                    du_total, db_total = total[0, j0:j1], total[1, j0:j1]
                    for j in range(len(du)):
                        du_total[j] += du[j]
                        db_total[j] += db[j]
                        du[j] = zero
                        db[j] = zero

    return kernel
