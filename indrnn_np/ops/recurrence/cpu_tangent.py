"""Compiled twin of reference.tangent: one linear recurrence over the states that `forward` stored."""

from __future__ import annotations

import functools

from ... import _check
from ..._cpu.arrays import empty_like
from ..._cpu.jit import AS_WRITTEN, njit
from ..._cpu.threads import parallel_for
from . import contract
from .activation import ACTIVATIONS
from .cpu import Pass, flat
from .steps import row_before


def tangent(a_dot, h, u, u_dot, h0_dot, activation="relu", lengths=None, reverse=False):
    """Twin of reference.tangent."""
    contract.check_tangent("recurrence.tangent", a_dot, h, u, u_dot, h0_dot, activation, lengths, reverse)
    _check.floats("recurrence.tangent", h=h)
    h_dot = empty_like(h)
    h_dot[0] = h0_dot
    walk = TangentPass(h_dot, h, u, u_dot, activation, lengths, reverse)
    parallel_for(h.shape[1], h.size, lambda b0, b1: walk.run(0, len(a_dot), b0, b1, a_dot), grain=1)
    return h_dot


class TangentPass(Pass):
    """Walk that fills chunk after chunk of h_dot, whose row 0 is the direction of h0."""

    def __init__(self, h_dot, h, u, u_dot, activation, lengths, reverse):
        super().__init__(h, u, activation, lengths, reverse)
        self.h_dot, self.u_dot = flat(h_dot), self.tiled(u_dot)

    def run(self, t0, t1, b0, b1, a_dot=None):
        """Fill steps t0 to t1 from a_dot (T, B, H); if it is None, h_dot holds it in place."""
        kernel = tangent_kernel(self.activation, a_dot is None)
        a_dot = self.h_dot if a_dot is None else flat(a_dot)
        edges, ends = self.blocks(b0, b1)
        kernel(a_dot, self.h, self.h_dot, self.u, self.u_dot, edges, ends, t0, t1, self.reverse)


@functools.cache
def tangent_kernel(activation, in_place):
    """Return a kernel for ḣ[t+1] = φ'(h[t+1]) (ȧ[t] + u̇ h[t] + u ḣ[t]) of time steps t0 to t1."""
    dphi = ACTIVATIONS[activation].dphi

    @njit(rounding=AS_WRITTEN)
    def kernel(a_dot, h, h_dot, u, u_dot, edges, ends, t0, t1, reverse):
        zero, one = h.dtype.type(0), h.dtype.type(1)
        for i in range(t1 - t0):
            t = t1 - 1 - i if reverse else t0 + i
            for k in range(len(ends)):
                j0, j1 = edges[k], edges[k + 1]
                h_dot_t = h_dot[t + 1, j0:j1]
                if t >= ends[k]:
                    h_dot_t[:] = zero
                    continue
                row = row_before(t, ends[k], reverse)
                h_t, h_prev, h_dot_prev = h[t + 1, j0:j1], h[row, j0:j1], h_dot[row, j0:j1]
                a_dot_t = h_dot_t if in_place else a_dot[t, j0:j1]
                u_k, u_dot_k = u[j0:j1], u_dot[j0:j1]
                for j in range(len(h_t)):
                    inner = a_dot_t[j] + u_dot_k[j] * h_prev[j] + u_k[j] * h_dot_prev[j]
                    h_dot_t[j] = dphi(h_t[j], zero, one) * inner

    return kernel
