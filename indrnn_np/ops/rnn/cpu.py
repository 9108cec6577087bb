"""Compiled twin of reference.py: products by BLAS (steps.py), and one kernel for each time step.

The bits of the kernels depend neither on threads nor on chunks. Operations round as written.
"""

from __future__ import annotations

import functools

from ... import _check
from ..._cpu.jit import AS_WRITTEN, njit
from ..recurrence.activation import ACTIVATIONS
from . import contract, steps


def forward(x, W, U, b, h0, activation="tanh", lengths=None, reverse=False, work=None):
    """Twin of reference.forward; with a workspace, h is its buffer "h"."""
    contract.check_forward("rnn.forward", x, W, U, b, h0, activation, lengths, reverse)
    _check.floats("rnn.forward", x=x)
    h, ends = steps.empty(work, "h", (len(x) + 1, *h0.shape), x.dtype), steps.sample_ends(x, lengths)
    h[0] = h0
    kernel = forward_kernel(activation)

    def step(t, a, k, v, b0, b1):
        kernel(t, a, k, v, b, h, ends, b0, b1)

    steps.forward(x, W, U, h, lengths, reverse, work, step)
    return h


def backward(dh, x, h, W, U, dhT=None, activation="tanh", lengths=None, reverse=False, work=None, probe=None):
    """Twin of reference.backward; with a workspace, dx is its buffer "dx"."""
    contract.check_backward("rnn.backward", dh, x, h, W, U, dhT, activation, lengths, reverse)
    _check.floats("rnn.backward", x=x)
    walk = steps.Backward(x, h, W, U, dhT, lengths, reverse, work)
    kernel = backward_kernel(activation, dh is not None)
    dh_or_h = h if dh is None else dh  # the kernel ignores h in place of dh

    def step(t, k, total_dh, row, da, dv, back, b0, b1):
        kernel(t, dh_or_h, h, walk.carry, back, total_dh, row, da, k, walk.ends, b0, b1, reverse)

    walk.run(dh, probe, step)
    dW, dU, db, _ = walk.sums()
    return walk.dx, dW, dU, db, walk.carry


@functools.cache
def forward_kernel(activation):
    """Return a kernel for h[t+1] = φ(a[k] + b + v) of samples b0 to b1; zeros in padding."""
    phi = ACTIVATIONS[activation].phi

    @njit(rounding=AS_WRITTEN)
    def kernel(t, a, k, v, b, h, ends, b0, b1):
        zero, one = h.dtype.type(0), h.dtype.type(1)
        for s in range(b0, b1):
            h_t, a_t, v_t = h[t + 1, s], a[k, s - b0], v[s - b0]
            if t >= ends[s]:
                h_t[:] = zero
                continue
            for j in range(len(h_t)):
                h_t[j] = phi(a_t[j] + b[j] + v_t[j], zero, one)

    return kernel


@functools.cache
def backward_kernel(activation, has_dh):
    """Return a kernel for da[k] = φ'(h[t+1]) ∂L/∂h_t of samples b0 to b1; zeros in padding."""
    dphi = ACTIVATIONS[activation].dphi

    @njit(rounding=AS_WRITTEN)
    def kernel(t, dh, h, carry, back, total_dh, row, da, k, ends, b0, b1, reverse):
        zero, one = h.dtype.type(0), h.dtype.type(1)
        for s in range(b0, b1):
            i, begun = s - b0, steps.walked_before(t, ends[s], reverse)
            total_dh_t, da_t, h_t = total_dh[row, i], da[k, i], h[t + 1, s]
            if t >= ends[s]:
                if begun:
                    steps.update_carry(False, carry[s], back[i])
                total_dh_t[:] = zero
                da_t[:] = zero
                continue
            steps.collect(has_dh, False, dh[t, s], carry[s], back[i], begun, total_dh_t)
            for j in range(len(da_t)):
                da_t[j] = dphi(h_t[j], zero, one) * total_dh_t[j]

    return kernel
