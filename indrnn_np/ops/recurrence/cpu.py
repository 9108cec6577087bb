"""Compiled twin of reference.py: a time step is one flat row of samples and neurons, which vectorises.

The kernels process time steps t0 to t1 and samples b0 to b1 of whole arrays, so a caller can
process time in chunks and share the samples between threads (ops/indrnn). Neither changes a bit of
h, da, dh0 and du. The sums for du and db run in the arrays' dtype over `FLUSH` time steps at fixed
indexes, and from there in float64 for each sample and neuron; samples are added last. Operations
are rounded as they are written (`AS_WRITTEN`), so kernels that share a line share its bits.
"""

from __future__ import annotations

import functools

import numpy as np

from ... import _check
from ..._cpu.arrays import empty, empty_like, zeros
from ..._cpu.jit import AS_WRITTEN, njit
from ..._cpu.threads import parallel_for
from . import contract
from .activation import ACTIVATIONS

FLUSH = 16  # steps: a few, so that float32 partial sums stay exact to rounding; many, so that flushing costs little


def forward(a, u, h0, activation="relu", lengths=None, reverse=False, out=None):
    """Twin of reference.forward."""
    contract.check_forward("recurrence.forward", a, u, h0, activation, lengths, reverse, out)
    _check.floats("recurrence.forward", a=a)
    T, B, H = a.shape
    h = empty((T + 1, B, H), a.dtype) if out is None else out
    h[0] = h0
    walk = ForwardPass(h, u, np.zeros_like(u), activation, lengths, reverse)
    a = None if out is not None and np.may_share_memory(a, out) else a  # the caller passed out[1:]
    parallel_for(B, a.size if a is not None else h.size, lambda b0, b1: walk.run(0, T, b0, b1, a), grain=1)
    return h


def backward(dh, h, u, dhT=None, activation="relu", lengths=None, reverse=False, out=None):
    """Twin of reference.backward."""
    contract.check_backward("recurrence.backward", dh, h, u, dhT, activation, lengths, reverse, out)
    _check.floats("recurrence.backward", h=h)
    da = empty_like(h[1:]) if out is None else out
    walk = BackwardPass(h, u, dhT, activation, lengths, reverse)
    parallel_for(h.shape[1], h.size, lambda b0, b1: walk.run(0, len(da), b0, b1, dh, da), grain=1)
    return da, walk.du, walk.dh0


def last(h, lengths=None, reverse=False):
    """Twin of reference.last."""
    contract.check_last("recurrence.last", h, lengths, reverse)
    T, B = h.shape[0] - 1, h.shape[1]
    if lengths is None:
        return h[min(T, 1) if reverse else T].copy()
    return h[np.minimum(lengths, 1) if reverse else lengths, np.arange(B)]


class Pass:
    """A walk over h (T+1, B, H), stored as flat rows of B·H numbers.

    Without lengths, the samples b0 to b1 are one block of columns that ends at time step T. With
    lengths, each sample is a block.
    """

    def __init__(self, h, u, activation, lengths, reverse):
        self.T, self.B, self.H = h.shape[0] - 1, h.shape[1], h.shape[2]
        self.activation, self.reverse = activation, reverse
        self.lengths = None if lengths is None else lengths.astype(np.int64)
        self.h, self.u = flat(h), self.tiled(u)
        self.whole = self.blocks(0, self.B)  # computed once for all chunks of time

    def tiled(self, vector):
        """Return a vector (H,) repeated for each sample, as one flat row."""
        row = empty((self.B, self.H), vector.dtype)
        row[...] = vector
        return row.reshape(-1)

    def blocks(self, b0, b1):
        """Return the starts of the column blocks, followed by the last end, and the steps of each block."""
        if self.lengths is None:
            return np.array([b0 * self.H, b1 * self.H]), np.array([self.T])
        return np.arange(b0, b1 + 1) * self.H, self.lengths[b0:b1]


class ForwardPass(Pass):
    """The forward walk. Row 0 of h is set; `run` fills time steps t0 to t1 and is called in walking order."""

    def __init__(self, h, u, b, activation, lengths, reverse):
        super().__init__(h, u, activation, lengths, reverse)
        self.b = self.tiled(b)

    def run(self, t0, t1, b0, b1, a=None, corner=(0, 0)):
        """Advance. a (None: h itself) holds pre-activations without bias; a[0, 0] is step and sample `corner`."""
        kernel = forward_kernel(self.activation, a is None)
        a = self.h if a is None else flat(a)
        starts, ends = self.whole if b1 - b0 == self.B else self.blocks(b0, b1)
        kernel(a, corner[0], corner[1] * self.H, self.h, self.u, self.b, starts, ends, t0, t1, self.reverse)


class BackwardPass(Pass):
    """The backward walk. `run` computes da of time steps t0 to t1, and updates the carry and both sums."""

    def __init__(self, h, u, dhT, activation, lengths, reverse):
        super().__init__(h, u, activation, lengths, reverse)
        columns = self.B * self.H
        self.carry = empty(columns, h.dtype)
        self.carry[...] = 0 if dhT is None else dhT.reshape(columns)
        self.partial = zeros((2, columns), h.dtype)
        self.total = zeros((2, columns), np.float64)

    def run(self, t0, t1, b0, b1, dh, da, corner=(0, 0)):
        """Go back. dh is (T, B, H) or None; da is written, and da[0, 0] is step and sample `corner`."""
        kernel, da = backward_kernel(self.activation, dh is not None), flat(da)
        dh = da if dh is None else flat(dh)
        starts, ends = self.whole if b1 - b0 == self.B else self.blocks(b0, b1)
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

    def _over_samples(self, index):
        return self.total[index].reshape(self.B, self.H).sum(axis=0).astype(self.carry.dtype)


def flat(array):
    """Return (T, B, H) as (T, B·H)."""
    return array.reshape(len(array), array.shape[1] * array.shape[2])


@functools.cache
def forward_kernel(activation, in_place):
    """h[t+1] = φ(a[t] + b + u h[t]) for time steps t0 to t1 and some blocks of columns; a may be h[1:]."""
    phi = ACTIVATIONS[activation].phi

    @njit(rounding=AS_WRITTEN)
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
                h_prev = h[row_before(t, ends[k], reverse), j0:j1]
                a_t = h_t if in_place else a[t - row, j0 - column : j1 - column]
                for j in range(len(h_t)):  # from 0: an index that might be negative does not vectorise
                    h_t[j] = phi(a_t[j] + b_k[j] + u_k[j] * h_prev[j], zero, one)

    return kernel


@functools.cache
def backward_kernel(activation, has_dh):
    """da[t] = φ'(h[t+1]) (dh[t] + carry), carry = u da[t], and the sums of da h_{t-1} and da.

    Two time steps are computed together if both are in the range: carry and sums are then read and
    written half as often.
    """
    dphi = ACTIVATIONS[activation].dphi

    @njit(rounding=AS_WRITTEN)
    def kernel(dh, h, u, carry, partial, total, da, row, column, starts, ends, t0, t1, reverse):
        arrays, i = (dh, h, u, carry, partial, da, row, column), 0
        while i < t1 - t0:
            t = t0 + i if reverse else t1 - 1 - i
            pair = i + 1 < t1 - t0 and (t % 2 == 1) != reverse  # pairs are of fixed steps
            s = (t + 1 if reverse else t - 1) if pair else t
            for k in range(len(ends)):
                j0, j1, end = starts[k], starts[k + 1], ends[k]
                if pair and max(t, s) < end:
                    _two_steps(dphi, has_dh, arrays, j0, j1, end, t, s, reverse)
                else:
                    _one_step(dphi, has_dh, arrays, j0, j1, end, t, reverse)
                    if pair:
                        _one_step(dphi, has_dh, arrays, j0, j1, end, s, reverse)
                if s % FLUSH == (FLUSH - 1 if reverse else 0) or (reverse and max(t, s) >= end - 1 >= t):
                    flush(partial[:, j0:j1], total[:, j0:j1])
            i += 2 if pair else 1

    return kernel


@njit(rounding=AS_WRITTEN, inline="always")
def _one_step(dphi, has_dh, arrays, j0, j1, end, t, reverse):
    """Compute time step t backwards for one block of columns, with zeros after the end of the sample."""
    dh, h, u, carry, partial, da, row, column = arrays
    zero, one = h.dtype.type(0), h.dtype.type(1)
    da_t = da[t - row, j0 - column : j1 - column]
    if t >= end:
        da_t[:] = zero
    else:
        h_t, h_prev = h[t + 1, j0:j1], h[row_before(t, end, reverse), j0:j1]
        c, u_k, du, db = carry[j0:j1], u[j0:j1], partial[0, j0:j1], partial[1, j0:j1]
        dh_t = dh[t, j0:j1] if has_dh else c
        for j in range(len(h_t)):
            d = dphi(h_t[j], zero, one) * (dh_t[j] + c[j] if has_dh else c[j])
            da_t[j] = d
            c[j] = u_k[j] * d
            du[j] += d * h_prev[j]
            db[j] += d


@njit(rounding=AS_WRITTEN, inline="always")
def _two_steps(dphi, has_dh, arrays, j0, j1, end, t, s, reverse):
    """Compute time step t and its neighbour s backwards, by the operations of _one_step in the same order."""
    dh, h, u, carry, partial, da, row, column = arrays
    zero, one = h.dtype.type(0), h.dtype.type(1)
    da_t, da_s = da[t - row, j0 - column : j1 - column], da[s - row, j0 - column : j1 - column]
    h_t, h_t_prev = h[t + 1, j0:j1], h[row_before(t, end, reverse), j0:j1]
    h_s, h_s_prev = h[s + 1, j0:j1], h[row_before(s, end, reverse), j0:j1]
    c, u_k, du, db = carry[j0:j1], u[j0:j1], partial[0, j0:j1], partial[1, j0:j1]
    dh_t, dh_s = (dh[t, j0:j1], dh[s, j0:j1]) if has_dh else (c, c)
    for j in range(len(h_t)):
        d = dphi(h_t[j], zero, one) * (dh_t[j] + c[j] if has_dh else c[j])
        carried = u_k[j] * d
        e = dphi(h_s[j], zero, one) * (dh_s[j] + carried if has_dh else carried)
        da_t[j] = d
        da_s[j] = e
        c[j] = u_k[j] * e
        du[j] = du[j] + d * h_t_prev[j] + e * h_s_prev[j]
        db[j] = db[j] + d + e


@njit
def row_before(t, end, reverse):
    """Return the index of the row of h that time step t reads."""
    return t if not reverse else (0 if t == end - 1 else t + 2)


@njit
def flush(partial, total):
    """Add the sums of the last time steps, in the arrays' dtype, to the float64 sums of all steps."""
    for k in range(len(partial)):
        p, q = partial[k], total[k]
        for j in range(len(p)):
            q[j] += p[j]
            p[j] = p.dtype.type(0)
