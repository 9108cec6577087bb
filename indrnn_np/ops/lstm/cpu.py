"""Compiled twin of reference.py: products by BLAS (ops/rnn/steps.py), one kernel each time step.

A kernel has one short loop for each gate: the numbers stay in the L1 cache, and the compiler
vectorises each loop. The bits of the kernels depend neither on threads nor on chunks.
"""

from __future__ import annotations

import functools

from ... import _check
from ..._cpu.jit import AS_WRITTEN, njit
from ..recurrence.steps import row_before
from ..recurrence.vector_tanh import sigmoid, tanh
from ..rnn import steps
from . import contract


def forward(x, W, U, b, h0, c0, lengths=None, reverse=False, work=None):
    """Twin of reference.forward; with a workspace, h, c and gates are its buffers."""
    contract.check_forward("lstm.forward", x, W, U, b, h0, c0, lengths, reverse)
    _check.floats("lstm.forward", x=x)
    (T, B, _), ends = x.shape, steps.sample_ends(x, lengths)
    h, c = (steps.empty(work, name, (T + 1, *h0.shape), x.dtype) for name in ("h", "c"))
    gates = steps.empty(work, "gates", (T, B, len(U)), x.dtype)
    h[0], c[0] = h0, c0

    def step(t, a, k, v, b0, b1):
        forward_kernel(t, a, k, v, b, h, c, gates, ends, b0, b1, reverse)

    steps.forward(x, W, U, h, lengths, reverse, work, step)
    return h, c, gates


def backward(
    dh, x, h, c, gates, W, U, dhT=None, dcT=None, lengths=None, reverse=False, work=None, probe=None
):
    """Twin of reference.backward; with a workspace, dx is its buffer "dx"."""
    contract.check_backward("lstm.backward", dh, x, h, c, gates, W, U, dhT, dcT, lengths, reverse)
    _check.floats("lstm.backward", x=x)
    walk = steps.Backward(x, h, W, U, dhT, lengths, reverse, work)
    kernel, dc = backward_kernel(dh is not None), steps.start(dcT, h)
    dh_or_h = h if dh is None else dh  # the kernel ignores h in place of dh

    def step(t, k, total_dh, row, da, dv, back, b0, b1):
        kernel(t, dh_or_h, c, gates, walk.carry, dc, back, total_dh, row, da, k, walk.ends, b0, b1, reverse)

    walk.run(dh, probe, step)
    dW, dU, db, _ = walk.sums()
    return walk.dx, dW, dU, db, walk.carry, dc


@njit(rounding=AS_WRITTEN)
def forward_kernel(t, a, k, v, b, h, c, gates, ends, b0, b1, reverse):
    """Fill gates, c_t and h_t of samples b0 to b1 from a[k] = W x_t and v = U h_{t-1}.

    They are zero in padding.
    """
    zero, H = h.dtype.type(0), h.shape[2]
    for s in range(b0, b1):
        gates_t, h_t, c_t = gates[t, s], h[t + 1, s], c[t + 1, s]
        if t >= ends[s]:
            gates_t[:], h_t[:], c_t[:] = zero, zero, zero
            continue
        a_t, v_t, c_prev = a[k, s - b0], v[s - b0], c[row_before(t, ends[s], reverse), s]
        logistic(a_t[: 2 * H], b[: 2 * H], v_t[: 2 * H], gates_t[: 2 * H])
        hyperbolic(a_t[2 * H : 3 * H], b[2 * H : 3 * H], v_t[2 * H : 3 * H], gates_t[2 * H : 3 * H])
        logistic(a_t[3 * H :], b[3 * H :], v_t[3 * H :], gates_t[3 * H :])
        i, f, g, o = gates_t[:H], gates_t[H : 2 * H], gates_t[2 * H : 3 * H], gates_t[3 * H :]
        for j in range(H):
            c_t[j] = f[j] * c_prev[j] + i[j] * g[j]
        for j in range(H):
            h_t[j] = o[j] * tanh(c_t[j])


@njit(rounding=AS_WRITTEN)
def logistic(a, b, v, out):
    """Set out to σ(a + b + v)."""
    for j in range(len(out)):
        out[j] = sigmoid(a[j] + b[j] + v[j])


@njit(rounding=AS_WRITTEN)
def hyperbolic(a, b, v, out):
    """Set out to tanh(a + b + v)."""
    for j in range(len(out)):
        out[j] = tanh(a[j] + b[j] + v[j])


@functools.cache
def backward_kernel(has_dh):
    """Return a kernel that fills da[k] of samples b0 to b1, and sets dc to the gradient of c_{t-1}.

    da is zero in padding.
    """

    @njit(rounding=AS_WRITTEN)
    def kernel(t, dh, c, gates, carry, dc, back, total_dh, row, da, k, ends, b0, b1, reverse):
        zero = c.dtype.type(0)
        for s in range(b0, b1):
            i, end = s - b0, ends[s]
            begun, total_dh_t, da_t = steps.walked_before(t, end, reverse), total_dh[row, i], da[k, i]
            if t >= end:
                if begun:
                    steps.update_carry(False, carry[s], back[i])
                total_dh_t[:], da_t[:] = zero, zero
                continue
            steps.collect(has_dh, False, dh[t, s], carry[s], back[i], begun, total_dh_t)
            c_prev = c[row_before(t, end, reverse), s]
            gates_back(gates[t, s], c[t + 1, s], c_prev, total_dh_t, dc[s], da_t)

    return kernel


@njit(rounding=AS_WRITTEN)
def gates_back(gates, c_t, c_prev, dh, dc, da):
    """Compute da of one sample from dh = ∂L/∂h_t; dc becomes the gradient of c_{t-1}."""
    one, H = dc.dtype.type(1), len(dc)
    i, f, g, o = gates[:H], gates[H : 2 * H], gates[2 * H : 3 * H], gates[3 * H :]
    da_i, da_f, da_g, da_o = da[:H], da[H : 2 * H], da[2 * H : 3 * H], da[3 * H :]
    for j in range(H):  # h_t = o tanh c_t
        tanh_c = tanh(c_t[j])
        dc[j] += dh[j] * o[j] * (one - tanh_c * tanh_c)
        da_o[j] = dh[j] * tanh_c * o[j] * (one - o[j])
    for j in range(H):  # c_t = f c_{t-1} + i g
        da_i[j] = dc[j] * g[j] * i[j] * (one - i[j])
        da_g[j] = dc[j] * i[j] * (one - g[j] * g[j])
    for j in range(H):
        da_f[j] = dc[j] * c_prev[j] * f[j] * (one - f[j])
        dc[j] = dc[j] * f[j]
