"""Plain njit loops for the recurrence: one thread, one number at a time.

The tuned twin is cpu.py. This twin leaves out `lengths`, `reverse` and `out`.
"""

from __future__ import annotations

import functools

import numpy as np

from ..._cpu.jit import njit
from .activation import ACTIVATIONS
from .contract import check_backward, check_forward


def forward(a, u, h0, activation="relu"):
    """Twin of reference.forward."""
    check_forward("recurrence.forward", a, u, h0, activation, None, False, None)
    return forward_loop(activation)(a, u, h0)


def backward(dh, h, u, dhT=None, activation="relu"):
    """Twin of reference.backward."""
    check_backward("recurrence.backward", dh, h, u, dhT, activation, None, False, None)
    dh = np.zeros_like(h[1:]) if dh is None else dh
    dhT = np.zeros_like(h[0]) if dhT is None else dhT
    return backward_loop(activation)(dh, h, u, dhT)


@functools.cache
def forward_loop(activation):
    """Return a loop for h_t = φ(a_t + u ⊙ h_{t-1}): reads a and h, writes h, 3 words an element."""
    phi = ACTIVATIONS[activation].phi

    @njit
    def loop(a, u, h0):
        T, B, H = a.shape
        zero, one = a.dtype.type(0), a.dtype.type(1)
        h = np.empty((T + 1, B, H), a.dtype)
        h[0] = h0
        for t in range(T):
            for b in range(B):
                for n in range(H):
                    h[t + 1, b, n] = phi(a[t, b, n] + u[n] * h[t, b, n], zero, one)
        return h

    return loop


@functools.cache
def backward_loop(activation):
    """Return a loop for da_t = φ'_t ⊙ (dh_t + u ⊙ da_{t+1}) and du = Σ da_t ⊙ h_{t-1}.

    `carry` holds u ⊙ da_{t+1}.
    """
    dphi = ACTIVATIONS[activation].dphi

    @njit
    def loop(dh, h, u, dhT):
        T, B, H = dh.shape
        zero, one = h.dtype.type(0), h.dtype.type(1)
        da, carry, du = np.empty_like(dh), dhT.copy(), np.zeros(H)
        for t in range(T - 1, -1, -1):
            for b in range(B):
                for n in range(H):
                    da[t, b, n] = dphi(h[t + 1, b, n], zero, one) * (dh[t, b, n] + carry[b, n])
                    du[n] += da[t, b, n] * h[t, b, n]
                    carry[b, n] = u[n] * da[t, b, n]
        return da, du.astype(h.dtype), carry

    return loop
