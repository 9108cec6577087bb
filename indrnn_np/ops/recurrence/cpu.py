"""Compiled twin of reference.py: time outermost, and within a step one flat row of all samples and neurons,
which vectorises.

Threads share the neurons. The kernels work on rows t0 to t1 of whole arrays, so that a caller can go
through time in chunks (ops/indrnn/cpu.py); chunks change no bit of h, da, dh0 and du. The sums for du and
db run in the arrays' dtype over `FLUSH` steps at fixed time indexes and from there in float64, per sample
and neuron; samples are added last.
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
    in_place = a.size > 0 and np.shares_memory(a, h[1:])
    if in_place and a.ctypes.data != h[1:].ctypes.data:
        _check.fail("recurrence.forward", "a overlaps out", "a to be out[1:] itself or another array")
    ForwardPass(h, u, np.zeros_like(u), activation, lengths, reverse).run(0, T, None if in_place else a)
    return h


def backward(dh, h, u, dhT=None, activation="relu", lengths=None, reverse=False, out=None):
    """Twin of reference.backward."""
    reference.check_backward("recurrence.backward", dh, h, u, dhT, activation, lengths, out)
    _check.floats("recurrence.backward", h=h)
    da = np.empty_like(h[1:]) if out is None else out
    walk = BackwardPass(h, u, dhT, activation, lengths, reverse)
    walk.run(0, len(da), dh, da)
    return da, walk.du, walk.dh0


class Rows:
    """How a kernel sees the arrays: without lengths all samples of a step are one flat row of one long sample."""

    def __init__(self, h, lengths):
        T, B, H = h.shape[0] - 1, h.shape[1], h.shape[2]
        self.repeat, self.H = (B, H) if lengths is None else (1, H)
        self.samples, self.units = (1, B * H) if lengths is None else (B, H)
        self.ends = np.array([T]) if lengths is None else lengths.astype(np.int64)

    def view(self, array):
        """(T, B, H) as (T, samples, units)."""
        return array.reshape(len(array), self.samples, self.units)

    def tile(self, vector):
        """A vector over neurons, as long as a row."""
        return np.tile(vector, self.repeat)

    def share(self, steps, kernel, *arguments):
        """Run the kernel over `steps` steps of all units, a range of units on each thread."""
        over(self.units, steps * self.samples * self.units, lambda j0, j1: kernel(*arguments, j0, j1))


class ForwardPass:
    """A walk over h (T+1, B, H), whose row 0 is set: `run` fills the rows of steps t0 to t1, in walking order."""

    def __init__(self, h, u, b, activation, lengths, reverse):
        self.rows, self.code, self.reverse = Rows(h, lengths), CODES[activation], reverse
        self.h, self.u, self.b = self.rows.view(h), self.rows.tile(u), self.rows.tile(b)

    def run(self, t0, t1, a=None):
        """Pre-activations without their bias stand in a (T, B, H), or in the rows of h themselves."""
        kernel = forward_kernel(self.code, a is None)
        a = self.h if a is None else self.rows.view(a)
        self.rows.share(t1 - t0, kernel, a, self.h, self.u, self.b, self.rows.ends, t0, t1, self.reverse)


class BackwardPass:
    """The walk back over h: `run` gives da for steps t0 to t1 and carries the gradient on the state and the sums on."""

    def __init__(self, h, u, dhT, activation, lengths, reverse):
        self.rows, self.code, self.reverse = Rows(h, lengths), CODES[activation], reverse
        self.h, self.u = self.rows.view(h), self.rows.tile(u)
        shape = (self.rows.samples, self.rows.units)
        self.carry = np.zeros(shape, h.dtype) if dhT is None else dhT.reshape(shape).copy()
        self.partial = np.zeros((2, *shape), h.dtype)
        self.total = np.zeros((2, *shape))

    def run(self, t0, t1, dh, da):
        """dh (T, B, H) or None; da holds the rows of these steps only."""
        rows, kernel, da = self.rows, backward_kernel(self.code, dh is not None), self.rows.view(da)
        dh = da if dh is None else rows.view(dh)
        rows.share(t1 - t0, kernel, dh, self.h, self.u, self.carry, self.partial, self.total, da, rows.ends,
                   t0, t1, self.reverse)  # fmt: skip

    @property
    def du(self):
        return self._over_samples(0)

    @property
    def db(self):
        return self._over_samples(1)

    @property
    def dh0(self):
        return self.carry.reshape(-1, self.rows.H)

    def _over_samples(self, which):
        return self.total[which].reshape(-1, self.rows.H).sum(axis=0).astype(self.carry.dtype)


@functools.cache
def forward_kernel(code, in_place):
    """h[t+1] = φ(a[t] + b + u h[t]) for t0 <= t < t1 and units j0 to j1; in place, a[t] stands in h[t+1]."""

    @njit
    def kernel(a, h, u, b, ends, t0, t1, reverse, j0, j1):
        zero, one = h.dtype.type(0), h.dtype.type(1)
        u, b = u[j0:j1], b[j0:j1]
        for i in range(t1 - t0):
            t = t1 - 1 - i if reverse else t0 + i
            for s in range(h.shape[1]):
                h_t = h[t + 1, s, j0:j1]
                if t >= ends[s]:
                    h_t[:] = zero
                    continue
                p = t if not reverse else (0 if t == ends[s] - 1 else t + 2)
                h_prev, a_t = h[p, s, j0:j1], h_t if in_place else a[t, s, j0:j1]
                for j in range(len(h_t)):  # from 0: an index that might be negative does not vectorise
                    h_t[j] = phi(code, a_t[j] + b[j] + u[j] * h_prev[j], zero, one)

    return kernel


@functools.cache
def backward_kernel(code, has_dh):
    """da[t] = φ'(h[t+1]) (dh[t] + carry), carry = u da[t]; sums of da h_{t-1} and da. da holds t0 to t1 only."""

    @njit
    def kernel(dh, h, u, carry, partial, total, da, ends, t0, t1, reverse, j0, j1):
        zero, one = h.dtype.type(0), h.dtype.type(1)
        u = u[j0:j1]
        for i in range(t1 - t0):
            t = t0 + i if reverse else t1 - 1 - i
            for s in range(h.shape[1]):
                da_t, c, du, db = (
                    da[t - t0, s, j0:j1],
                    carry[s, j0:j1],
                    partial[0, s, j0:j1],
                    partial[1, s, j0:j1],
                )
                if t >= ends[s]:
                    da_t[:] = zero
                else:
                    p = t if not reverse else (0 if t == ends[s] - 1 else t + 2)
                    h_t, h_prev, dh_t = h[t + 1, s, j0:j1], h[p, s, j0:j1], dh[t, s, j0:j1] if has_dh else c
                    for j in range(len(h_t)):
                        g = dh_t[j] + c[j] if has_dh else c[j]
                        d = dphi(code, h_t[j], zero, one) * g
                        da_t[j] = d
                        c[j] = u[j] * d
                        du[j] += d * h_prev[j]
                        db[j] += d
                if t % FLUSH == (FLUSH - 1 if reverse else 0) or (t == ends[s] - 1 and reverse):
                    du_total, db_total = total[0, s, j0:j1], total[1, s, j0:j1]
                    for j in range(len(du)):
                        du_total[j] += du[j]
                        db_total[j] += db[j]
                        du[j] = zero
                        db[j] = zero

    return kernel
