"""Compiled twin of reference.py: a time step is a flat row of B·H numbers, which vectorises.

The kernels process time steps t0 to t1 and samples b0 to b1 of whole arrays, so a caller can split
time and samples (ops/indrnn) without changing a bit. The sums for du and db run in the dtype of the
arrays over `FLUSH` time steps at fixed indexes, then in float64 for each column; samples are added
last. Operations round as written (`AS_WRITTEN`), so equal lines of two kernels give equal bits. For
few columns, `run` takes the kernels of few_columns.py.
"""

from __future__ import annotations

import functools

import numpy as np

from ... import _check
from ..._cpu.arrays import aligned, empty, empty_like, zeros
from ..._cpu.jit import AS_WRITTEN, njit
from ..._cpu.threads import parallel_for
from . import contract, few_columns
from .activation import ACTIVATIONS
from .steps import FLUSH, flush, row_before


def forward(a, u, h0, activation="relu", lengths=None, reverse=False, out=None):
    """Twin of reference.forward."""
    contract.check_forward("recurrence.forward", a, u, h0, activation, lengths, reverse, out)
    _check.floats("recurrence.forward", a=a)
    T, B, H = a.shape
    h = empty((T + 1, B, H), a.dtype) if out is None else out
    h[0] = h0
    walk = ForwardPass(h, u, np.zeros_like(u), activation, lengths, reverse)
    a = None if out is not None and np.may_share_memory(a, out) else a  # None: a is out[1:]
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
    """Walk over h (T+1, B, H), stored as flat rows of B·H numbers.

    Without lengths, the samples b0 to b1 are one block of columns. With lengths, each is a block.
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
        """Return the edges of the blocks of columns, and the number of time steps of each block."""
        if self.lengths is None:
            return np.array([b0 * self.H, b1 * self.H]), np.array([self.T])
        return np.arange(b0, b1 + 1) * self.H, self.lengths[b0:b1]

    def width(self, b0, b1):
        """Return the width of a vector that holds a block of samples b0 to b1, or None."""
        row = (b1 - b0) * self.H
        return few_columns.width_for(row, row if self.lengths is None else self.H)


class ForwardPass(Pass):
    """Forward walk: `run` fills chunk after chunk of h, whose row 0 is the initial state."""

    def __init__(self, h, u, b, activation, lengths, reverse):
        super().__init__(h, u, activation, lengths, reverse)
        self.b = self.tiled(b)

    def kernel(self, b0, b1, in_place):
        """Return the kernel for samples b0 to b1."""
        width, form = self.width(b0, b1), (self.activation, in_place)
        return few_columns.forward_kernel(*form, width) if width else forward_kernel(*form)

    def run(self, t0, t1, b0, b1, a=None):
        """Fill steps t0 to t1 from a (T, B, H) without bias; if `a` is None, h holds a in place."""
        kernel = self.kernel(b0, b1, a is None)
        a = self.h if a is None else flat(a)
        edges, ends = self.whole if b1 - b0 == self.B else self.blocks(b0, b1)
        kernel(a, self.h, self.u, self.b, edges, ends, t0, t1, self.reverse)


class BackwardPass(Pass):
    """Backward walk: `run` computes da of chunk after chunk, and updates the carry and the sums."""

    def __init__(self, h, u, dhT, activation, lengths, reverse):
        super().__init__(h, u, activation, lengths, reverse)
        columns = self.B * self.H
        self.carry = zeros(columns, h.dtype) if dhT is None else aligned(dhT.reshape(columns))
        self.partial = zeros((2, columns), h.dtype)
        self.total = zeros((2, columns), np.float64)

    def kernel(self, b0, b1, has_dh):
        """Return the kernel for samples b0 to b1."""
        width, form = self.width(b0, b1), (self.activation, has_dh)
        return few_columns.backward_kernel(*form, width) if width else backward_kernel(*form)

    def run(self, t0, t1, b0, b1, dh, da, origin=(0, 0)):
        """Fill da from dh (T, B, H) or None; `origin`: the time step and the sample of da[0, 0]."""
        kernel = self.kernel(b0, b1, dh is not None)
        da, (t, b) = flat(da), origin
        dh = da if dh is None else flat(dh)
        edges, ends = self.whole if b1 - b0 == self.B else self.blocks(b0, b1)
        kernel(
            dh, self.h, self.u, self.carry, self.partial, self.total, da, t, b * self.H,
            edges, ends, t0, t1, self.reverse,
        )  # fmt: skip

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
        """Return the sum over samples: index 0 for du, index 1 for db."""
        return self.total[index].reshape(self.B, self.H).sum(axis=0).astype(self.carry.dtype)


def flat(array):
    """Return (T, B, H) as (T, B·H)."""
    return array.reshape(len(array), array.shape[1] * array.shape[2])


@functools.cache
def forward_kernel(activation, in_place):
    """Return a kernel for h[t+1] = φ(a[t] + b + u h[t]) of time steps t0 to t1."""
    phi = ACTIVATIONS[activation].phi

    @njit(rounding=AS_WRITTEN)
    def kernel(a, h, u, b, edges, ends, t0, t1, reverse):
        zero, one = h.dtype.type(0), h.dtype.type(1)
        for i in range(t1 - t0):
            t = t1 - 1 - i if reverse else t0 + i
            for k in range(len(ends)):
                j0, j1 = edges[k], edges[k + 1]
                h_t, u_k, b_k = h[t + 1, j0:j1], u[j0:j1], b[j0:j1]
                if t >= ends[k]:
                    h_t[:] = zero
                    continue
                h_prev = h[row_before(t, ends[k], reverse), j0:j1]
                a_t = h_t if in_place else a[t, j0:j1]
                for j in range(len(h_t)):  # from 0: an index that might be negative does not vectorise
                    h_t[j] = phi(a_t[j] + b_k[j] + u_k[j] * h_prev[j], zero, one)

    return kernel


@functools.cache
def backward_kernel(activation, has_dh):
    """Return a kernel for da[t] = φ'(h[t+1]) (dh[t] + carry) of time steps t0 to t1.

    It updates carry = u da[t] and the sums Σ da h_{t-1} and Σ da. Two time steps in one loop halve
    the traffic of the carry and of the sums.
    """
    dphi = ACTIVATIONS[activation].dphi

    @njit(rounding=AS_WRITTEN)
    def kernel(dh, h, u, carry, partial, total, da, first_t, first_j, edges, ends, t0, t1, reverse):
        arrays, i = (dh, h, u, carry, partial, da, first_t, first_j), 0
        while i < t1 - t0:
            t = t0 + i if reverse else t1 - 1 - i
            pair = i + 1 < t1 - t0 and (t % 2 == 1) != reverse  # pairs start at fixed time steps
            s = (t + 1 if reverse else t - 1) if pair else t
            for k in range(len(ends)):
                j0, j1, end = edges[k], edges[k + 1], ends[k]
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
    """Compute da of time step t for one block of columns; da is zero after a sample's end."""
    dh, h, u, carry, partial, da, first_t, first_j = arrays
    zero, one = h.dtype.type(0), h.dtype.type(1)
    da_t = da[t - first_t, j0 - first_j : j1 - first_j]
    if t >= end:
        da_t[:] = zero
    else:
        h_t, h_prev = h[t + 1, j0:j1], h[row_before(t, end, reverse), j0:j1]
        carry_k, u_k, du, db = carry[j0:j1], u[j0:j1], partial[0, j0:j1], partial[1, j0:j1]
        dh_t = dh[t, j0:j1] if has_dh else carry_k
        for j in range(len(h_t)):
            da_tj = dphi(h_t[j], zero, one) * (dh_t[j] + carry_k[j] if has_dh else carry_k[j])
            da_t[j] = da_tj
            carry_k[j] = u_k[j] * da_tj
            du[j] += da_tj * h_prev[j]
            db[j] += da_tj


@njit(rounding=AS_WRITTEN, inline="always")
def _two_steps(dphi, has_dh, arrays, j0, j1, end, t, s, reverse):
    """Compute da of the neighbours t and s by the operations of _one_step in the same order."""
    dh, h, u, carry, partial, da, first_t, first_j = arrays
    zero, one = h.dtype.type(0), h.dtype.type(1)
    i0, i1 = j0 - first_j, j1 - first_j
    da_t, da_s = da[t - first_t, i0:i1], da[s - first_t, i0:i1]
    h_t, h_t_prev = h[t + 1, j0:j1], h[row_before(t, end, reverse), j0:j1]
    h_s, h_s_prev = h[s + 1, j0:j1], h[row_before(s, end, reverse), j0:j1]
    carry_k, u_k, du, db = carry[j0:j1], u[j0:j1], partial[0, j0:j1], partial[1, j0:j1]
    dh_t, dh_s = (dh[t, j0:j1], dh[s, j0:j1]) if has_dh else (carry_k, carry_k)
    for j in range(len(h_t)):
        da_tj = dphi(h_t[j], zero, one) * (dh_t[j] + carry_k[j] if has_dh else carry_k[j])
        carry_tj = u_k[j] * da_tj
        da_sj = dphi(h_s[j], zero, one) * (dh_s[j] + carry_tj if has_dh else carry_tj)
        da_t[j] = da_tj
        da_s[j] = da_sj
        carry_k[j] = u_k[j] * da_sj
        du[j] = du[j] + da_tj * h_t_prev[j] + da_sj * h_s_prev[j]
        db[j] = db[j] + da_tj + da_sj
