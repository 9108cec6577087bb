"""Compiled twin of second_order.py: both recurrences of a column in one loop, back in time."""

from __future__ import annotations

import functools

import numpy as np

from ... import _check
from ..._cpu.arrays import empty_like, zeros
from ..._cpu.jit import AS_WRITTEN, njit
from ..._cpu.threads import parallel_for
from . import contract
from .activation import ACTIVATIONS
from .cpu import Pass, flat
from .steps import FLUSH, flush, row_before


def backward_tangent(
    dh, dh_dot, h, h_dot, u, u_dot, dhT=None, dhT_dot=None, activation="relu", lengths=None, reverse=False
):
    """Twin of second_order.backward_tangent."""
    where = "recurrence.backward_tangent"
    contract.check_backward_tangent(
        where, dh, dh_dot, h, h_dot, u, u_dot, dhT, dhT_dot, activation, lengths, reverse
    )
    _check.floats(where, h=h)
    da, da_dot = empty_like(h[1:]), empty_like(h[1:])
    walk = BackwardTangentPass(h, h_dot, u, u_dot, dhT, dhT_dot, activation, lengths, reverse)
    parallel_for(
        h.shape[1], h.size, lambda b0, b1: walk.run(0, len(da), b0, b1, dh, dh_dot, da, da_dot), grain=1
    )
    return da, da_dot, walk.over_samples(0), walk.carry[1].reshape(h[0].shape)


class BackwardTangentPass(Pass):
    """Walk that fills chunk after chunk of da and its derivative."""

    def __init__(self, h, h_dot, u, u_dot, dhT, dhT_dot, activation, lengths, reverse):
        super().__init__(h, u, activation, lengths, reverse)
        self.h_dot, self.u_dot, columns = flat(h_dot), self.tiled(u_dot), self.B * self.H
        self.carry = zeros((2, columns), h.dtype)  # u ⊙ da_{t+1} and its derivative
        if dhT is not None:
            self.carry[0], self.carry[1] = dhT.reshape(columns), dhT_dot.reshape(columns)
        self.partial, self.total = zeros((2, columns), h.dtype), zeros((2, columns), np.float64)

    def run(self, t0, t1, b0, b1, dh, dh_dot, da, da_dot, first=0):
        """Fill steps t0 to t1 of samples b0 to b1; `first` is the time step of da[0]."""
        kernel, da, da_dot = backward_tangent_kernel(self.activation, dh is not None), flat(da), flat(da_dot)
        dh, dh_dot = (da, da_dot) if dh is None else (flat(dh), flat(dh_dot))
        edges, ends = self.blocks(b0, b1)
        kernel(
            dh, dh_dot, self.h, self.h_dot, self.u, self.u_dot, self.carry, self.partial, self.total, da, da_dot, first,
            edges, ends, t0, t1, self.reverse,
        )  # fmt: skip

    def over_samples(self, index):
        """Return the sum over samples: index 0 for the derivative of du, 1 for that of db."""
        return self.total[index].reshape(self.B, self.H).sum(axis=0).astype(self.carry.dtype)


@functools.cache
def backward_tangent_kernel(activation, has_dh):
    """Return a kernel for da[t] = φ'_t c_t and its derivative φ̇'_t c_t + φ'_t ċ_t of time steps t0 to t1."""
    dphi, ddphi = ACTIVATIONS[activation].dphi, ACTIVATIONS[activation].ddphi

    @njit(rounding=AS_WRITTEN)
    def kernel(
        dh, dh_dot, h, h_dot, u, u_dot, carry, partial, total, da, da_dot, first, edges, ends, t0, t1, reverse
    ):
        zero, one = h.dtype.type(0), h.dtype.type(1)
        for i in range(t1 - t0):
            t = t0 + i if reverse else t1 - 1 - i
            for k in range(len(ends)):
                j0, j1 = edges[k], edges[k + 1]
                da_t, da_dot_t = da[t - first, j0:j1], da_dot[t - first, j0:j1]
                if t >= ends[k]:
                    da_t[:] = zero
                    da_dot_t[:] = zero
                    continue
                row = row_before(t, ends[k], reverse)
                h_t, h_dot_t = h[t + 1, j0:j1], h_dot[t + 1, j0:j1]
                h_prev, h_dot_prev = h[row, j0:j1], h_dot[row, j0:j1]
                u_k, u_dot_k, carry_k, carry_dot_k = u[j0:j1], u_dot[j0:j1], carry[0, j0:j1], carry[1, j0:j1]
                dh_t, dh_dot_t = (dh[t, j0:j1], dh_dot[t, j0:j1]) if has_dh else (carry_k, carry_dot_k)
                du, db = partial[0, j0:j1], partial[1, j0:j1]
                for j in range(len(h_t)):
                    c = dh_t[j] + carry_k[j] if has_dh else carry_k[j]
                    c_dot = dh_dot_t[j] + carry_dot_k[j] if has_dh else carry_dot_k[j]
                    slope = dphi(h_t[j], zero, one)
                    da_tj = slope * c
                    da_dot_tj = ddphi(h_t[j], h_dot_t[j], zero, one) * c + slope * c_dot
                    da_t[j], da_dot_t[j] = da_tj, da_dot_tj
                    du[j] += da_dot_tj * h_prev[j] + da_tj * h_dot_prev[j]
                    db[j] += da_dot_tj
                    carry_dot_k[j] = u_dot_k[j] * da_tj + u_k[j] * da_dot_tj
                    carry_k[j] = u_k[j] * da_tj
            if t % FLUSH == (FLUSH - 1 if reverse else 0) or i == t1 - t0 - 1:
                for k in range(len(ends)):
                    flush(partial[:, edges[k] : edges[k + 1]], total[:, edges[k] : edges[k + 1]])

    return kernel
