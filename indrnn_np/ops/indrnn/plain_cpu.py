"""Plain njit loops for the IndRNN cell: the products are inside the time loop.

The tuned twin is cpu.py. This twin leaves out `lengths`, `reverse`, `work`, `probe` and `norm`.
"""

from __future__ import annotations

import functools

import numpy as np

from ..._cpu.jit import njit
from ..recurrence import plain_cpu as recurrence
from ..recurrence.activation import ACTIVATIONS
from .contract import check_backward, check_forward


def forward(x, W, u, b, h0, activation="relu"):
    """Twin of reference.forward."""
    check_forward("indrnn.forward", x, W, u, b, h0, activation, None, False)
    return forward_loop(activation)(x, W, u, b, h0)


def backward(dh, x, h, W, u, dhT=None, activation="relu", input_gradient=True):
    """Twin of reference.backward."""
    check_backward(
        "indrnn.backward", dh, x, h, W, u, dhT, activation, None, False, input_gradient=input_gradient
    )
    da, du, dh0 = recurrence.backward(dh, h, u, dhT, activation)
    dx = input_loop(da, x, W) if input_gradient else None
    dW, db = weight_loop(da, x)
    return dx, dW, du, db, dh0


@functools.cache
def forward_loop(activation):
    """Return a loop for h_t = φ(W x_t + u ⊙ h_{t-1} + b): D multiplications an element."""
    phi = ACTIVATIONS[activation].phi

    @njit
    def loop(x, W, u, b, h0):
        T, B, D = x.shape
        zero, one = x.dtype.type(0), x.dtype.type(1)
        h = np.empty((T + 1, B, u.size), x.dtype)
        h[0] = h0
        for t in range(T):
            for i in range(B):
                for n in range(u.size):
                    a = b[n] + u[n] * h[t, i, n]
                    for d in range(D):
                        a += W[n, d] * x[t, i, d]
                    h[t + 1, i, n] = phi(a, zero, one)
        return h

    return loop


@njit
def input_loop(da, x, W):
    """Return dx_t = Wᵀ da_t: D multiplications an element."""
    T, B, H = da.shape
    dx = np.zeros_like(x)
    for t in range(T):
        for i in range(B):
            for n in range(H):
                for d in range(x.shape[2]):
                    dx[t, i, d] += da[t, i, n] * W[n, d]
    return dx


@njit
def weight_loop(da, x):
    """Return dW = Σ da_t x_tᵀ and db = Σ da_t: D multiplications an element."""
    T, B, H = da.shape
    dW, db = np.zeros((H, x.shape[2])), np.zeros(H)
    for t in range(T):
        for i in range(B):
            for n in range(H):
                db[n] += da[t, i, n]
                for d in range(x.shape[2]):
                    dW[n, d] += da[t, i, n] * x[t, i, d]
    return dW.astype(x.dtype), db.astype(x.dtype)
