"""Compiled twin of reference.py: products by BLAS (ops/rnn/steps.py), one kernel each time step.

A kernel has several short loops over few arrays, as in ops/lstm. The bits of the kernels depend
neither on threads nor on chunks.
"""

from __future__ import annotations

import functools

from ... import _check
from ..._cpu.jit import AS_WRITTEN, njit
from ..recurrence.steps import row_before
from ..recurrence.vector_tanh import sigmoid, tanh
from ..rnn import steps
from . import contract


def forward(x, W, U, b, c, h0, lengths=None, reverse=False, work=None):
    """Twin of reference.forward; with a workspace, h and gates are its buffers."""
    contract.check_forward("gru.forward", x, W, U, b, c, h0, lengths, reverse)
    _check.floats("gru.forward", x=x)
    (T, B, _), H, ends = x.shape, U.shape[1], steps.sample_ends(x, lengths)
    h = steps.empty(work, "h", (T + 1, B, H), x.dtype)
    gates = steps.empty(work, "gates", (T, B, 4 * H), x.dtype)
    h[0] = h0

    def step(t, a, k, v, b0, b1):
        forward_kernel(t, a, k, v, b, c, h, gates, ends, b0, b1, reverse)

    steps.forward(x, W, U, h, lengths, reverse, work, step)
    return h, gates


def backward(dh, x, h, gates, W, U, dhT=None, lengths=None, reverse=False, work=None, probe=None):
    """Twin of reference.backward; with a workspace, dx is its buffer "dx"."""
    contract.check_backward("gru.backward", dh, x, h, gates, W, U, dhT, lengths, reverse)
    _check.floats("gru.backward", x=x)
    walk = steps.Backward(x, h, W, U, dhT, lengths, reverse, work, separate_dv=True)
    kernel = backward_kernel(dh is not None)
    dh_or_h = h if dh is None else dh  # the kernel ignores h in place of dh

    def step(t, k, total_dh, row, da, dv, back, b0, b1):
        kernel(t, dh_or_h, h, gates, walk.carry, back, total_dh, row, da, dv, k, walk.ends, b0, b1, reverse)

    walk.run(dh, probe, step)
    dW, dU, db, dc = walk.sums()
    return walk.dx, dW, dU, db, dc, walk.carry


@njit(rounding=AS_WRITTEN)
def forward_kernel(t, a, k, v, b, c, h, gates, ends, b0, b1, reverse):
    """Fill gates and h_t of samples b0 to b1 from a[k] = W x_t and v = U h_{t-1}.

    They are zero in padding.
    """
    zero, one, H = h.dtype.type(0), h.dtype.type(1), h.shape[2]
    for s in range(b0, b1):
        gates_t, h_t = gates[t, s], h[t + 1, s]
        if t >= ends[s]:
            gates_t[:], h_t[:] = zero, zero
            continue
        a_t, v_t, h_prev = a[k, s - b0], v[s - b0], h[row_before(t, ends[s], reverse), s]
        for j in range(2 * H):
            gates_t[j] = sigmoid((a_t[j] + b[j]) + (v_t[j] + c[j]))
        r, z, n, m = gates_t[:H], gates_t[H : 2 * H], gates_t[2 * H : 3 * H], gates_t[3 * H :]
        a_n, b_n, v_n, c_n = a_t[2 * H :], b[2 * H :], v_t[2 * H :], c[2 * H :]
        for j in range(H):
            m[j] = v_n[j] + c_n[j]
        for j in range(H):
            n[j] = tanh((a_n[j] + b_n[j]) + r[j] * m[j])
        for j in range(H):
            h_t[j] = (one - z[j]) * n[j] + z[j] * h_prev[j]


@functools.cache
def backward_kernel(has_dh):
    """Return a kernel that fills da[k] and dv[k] of samples b0 to b1, and sets carry to z ∂L/∂h_t.

    da and dv are zero in padding.
    """

    @njit(rounding=AS_WRITTEN)
    def kernel(t, dh, h, gates, carry, back, total_dh, row, da, dv, k, ends, b0, b1, reverse):
        zero = h.dtype.type(0)
        for s in range(b0, b1):
            i, end = s - b0, ends[s]
            begun, total_dh_t = steps.walked_before(t, end, reverse), total_dh[row, i]
            da_t, dv_t = da[k, i], dv[k, i]
            if t >= end:
                if begun:
                    steps.update_carry(True, carry[s], back[i])
                total_dh_t[:], da_t[:], dv_t[:] = zero, zero, zero
                continue
            steps.collect(has_dh, True, dh[t, s], carry[s], back[i], begun, total_dh_t)
            h_prev = h[row_before(t, end, reverse), s]
            gates_back(gates[t, s], h_prev, total_dh_t, carry[s], da_t, dv_t)

    return kernel


@njit(rounding=AS_WRITTEN)
def gates_back(gates, h_prev, dh, carry, da, dv):
    """Compute the gradients da of W x_t and dv of U h_{t-1} of a sample from dh = ∂L/∂h_t."""
    one, H = carry.dtype.type(1), len(carry)
    r, z, n, m = gates[:H], gates[H : 2 * H], gates[2 * H : 3 * H], gates[3 * H :]
    da_r, da_z, da_n, dv_n = da[:H], da[H : 2 * H], da[2 * H :], dv[2 * H :]
    for j in range(H):  # h_t = (1 - z) n + z h_{t-1}
        carry[j] = z[j] * dh[j]
        da_z[j] = dh[j] * (h_prev[j] - n[j]) * z[j] * (one - z[j])
    for j in range(H):  # n = tanh(a_n + r m)
        da_n[j] = dh[j] * (one - z[j]) * (one - n[j] * n[j])
    for j in range(H):
        da_r[j] = da_n[j] * m[j] * r[j] * (one - r[j])
        dv_n[j] = da_n[j] * r[j]
    for j in range(2 * H):
        dv[j] = da[j]
