"""Straightforward CUDA kernels for the recurrence.

Forward has one thread for each neuron of each sample. Backward has one thread for each neuron,
which walks through all samples, so it sums du without a second kernel. The tuned twin is cuda.py.
This twin leaves out `lengths`, `reverse` and `out`.
"""

from __future__ import annotations

import functools

from ..._cuda import arrays
from ..._cuda.launch import kernel, on_device
from ..._cuda.target import cuda
from .activation import ACTIVATIONS
from .contract import check_backward, check_forward
from .cuda_steps import DPHI, PHI


def forward(a, u, h0, activation="relu"):
    """Twin of reference.forward."""
    on_device("recurrence.forward", a=a, u=u, h0=h0)
    check_forward("recurrence.forward", a, u, h0, activation, None, False, None)
    T, B, H = a.shape
    h = arrays.empty((T + 1, B, H), a.dtype)
    forward_kernel(activation)(B * H, a, u, h0, h)
    return h


def backward(dh, h, u, dhT=None, activation="relu"):
    """Twin of reference.backward."""
    on_device("recurrence.backward", dh=dh, h=h, u=u, dhT=dhT)
    check_backward("recurrence.backward", dh, h, u, dhT, activation, None, False, None)
    da, du, dh0 = arrays.empty_like(h[1:]), arrays.empty_like(u), arrays.empty_like(h[0])
    run = backward_kernel(activation, dh is not None, dhT is not None)
    run(u.size, da if dh is None else dh, h, u, dh0 if dhT is None else dhT, da, du, dh0)
    return da, du, dh0


@functools.cache
def forward_kernel(activation):
    """h_t = φ(a_t + u ⊙ h_{t-1}). A thread owns neuron n of sample b; it moves 2 words an element."""
    phi = PHI[activation]

    @kernel("real[:,:,::1], real[::1], real[:,::1], real[:,:,::1]", f"recurrence.plain_forward[{activation}]")
    def forward(a, u, h0, h):
        b, n = divmod(cuda.grid(1), u.size)
        if b < h0.shape[0]:
            state = h0[b, n]
            h[0, b, n] = state
            for t in range(a.shape[0]):
                state = phi(a[t, b, n] + u[n] * state, h.dtype.type(0), h.dtype.type(1))
                h[t + 1, b, n] = state

    return forward


@functools.cache
def backward_kernel(activation, has_dh, has_dhT):
    """da_t = φ'_t ⊙ (dh_t + u ⊙ da_{t+1}). A thread owns neuron n of all samples; it moves 4 words an element."""
    dphi = DPHI[activation]
    signature = "real[:,:,::1], real[:,:,::1], real[::1], real[:,::1], real[:,:,::1], real[::1], real[:,::1]"

    @kernel(signature, f"recurrence.plain_backward[{activation}, dh={has_dh}, dhT={has_dhT}]")
    def backward(dh, h, u, dhT, da, du, dh0):
        n, zero, one = cuda.grid(1), h.dtype.type(0), h.dtype.type(1)
        if n < u.size:
            total = 0.0
            for b in range(h.shape[1]):
                carry = dhT[b, n] if has_dhT else zero
                for t in range(da.shape[0] - 1, -1, -1):
                    arriving = (dh[t, b, n] if has_dh else zero) + carry
                    da[t, b, n] = dphi(h[t + 1, b, n], zero, one) * arriving
                    total += da[t, b, n] * h[t, b, n]
                    carry = u[n] * da[t, b, n]
                dh0[b, n] = carry
            du[n] = total

    return backward


def kernels():
    """Yield every kernel, in every variant."""
    for activation in ACTIVATIONS:
        yield forward_kernel(activation)
        for has_dh, has_dhT in ((True, False), (True, True), (False, True)):
            yield backward_kernel(activation, has_dh, has_dhT)
