"""Recurrence of pairs of neurons in plain NumPy: one loop over time that mirrors the equations.

The pairs are real arrays, not complex ones, because complex steps (`ir.gradcheck`) make every
number complex.
"""

from __future__ import annotations

import numpy as np

from ..recurrence.reference import previous
from . import contract


def forward(a, u, h0, lengths=None, reverse=False, out=None):
    """Run the recurrence over all T time steps.

        z_t = λ z_{t-1} + a_t

    Orvieto et al. 2023, arXiv:2303.06349.

    Parameters
    ----------
    a : array (T, B, H)
        Inputs of the pairs: real parts, then imaginary parts.
    u : array (H,)
        Eigenvalues λ: real parts p, then imaginary parts q.
    h0 : array (B, H)
        Initial state.
    lengths : integer array (B,), optional
        Number of valid steps of each sample. None means all T steps.
    reverse : bool
        Run each sample from its last valid step to its first one.
    out : array (T+1, B, H), optional
        Array for h; `a` may be `out[1:]` itself.

    Returns
    -------
    h : array (T+1, B, H)
        Row 0 is h0; row t+1 is the output of time step t. This is `out` unless that is None. Rows
        after the end of a sample are zero.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, dtype or layout, or H is odd.
    """
    contract.check_forward("rotation.forward", a, u, h0, lengths, reverse, out)
    T, B, _ = a.shape
    h = np.empty((T + 1, *h0.shape), a.dtype) if out is None else out
    h[0] = h0
    ends, state = np.full(B, T) if lengths is None else lengths, h0.copy()  # state: z_{t-1}
    for t in range(T - 1, -1, -1) if reverse else range(T):
        valid = (t < ends)[:, None]  # (B, 1)
        h_t = turn(u, state) + a[t]
        h[t + 1] = np.where(valid, h_t, 0)
        state = np.where(valid, h_t, state)
    return h


def backward(dh, h, u, dhT=None, lengths=None, reverse=False, out=None):
    """Return the gradients of the recurrence, by backpropagation through time.

        da_t = dz_t + λ* da_{t+1},   dλ = Σ_{t,b} z*_{t-1} da_t,   dz_0 = λ* da_1

    Parameters
    ----------
    dh : array (T, B, H) or None
        Gradient of the outputs h[1:]. None means zero.
    h : array (T+1, B, H)
        States that `forward` returned.
    u : array (H,)
        Eigenvalues λ: real parts p, then imaginary parts q.
    dhT : array (B, H), optional
        Gradient of the last state of each sample.
    lengths : integer array (B,), optional
        Number of valid steps of each sample. None means all T steps.
    reverse : bool
        Run each sample from its last valid step to its first one.
    out : array (T, B, H), optional
        Array for da.

    Returns
    -------
    da : array (T, B, H)
        Gradient of a. This is `out` unless that is None. Rows after the end of a sample are zero.
    du, dh0 : array (H,), array (B, H)
        Gradients of u and h0.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, dtype or layout, or H is odd.
    """
    contract.check_backward("rotation.backward", dh, h, u, dhT, lengths, reverse, out)
    T, B, H = h.shape[0] - 1, h.shape[1], h.shape[2]
    da = np.empty((T, B, H), h.dtype) if out is None else out
    ends = np.full(B, T) if lengths is None else lengths
    du = np.zeros(H, np.result_type(h.dtype, np.float64))
    carry = np.zeros((B, H), h.dtype) if dhT is None else dhT.copy()  # λ* da_{t+1}; at the end dhT
    for t in range(T) if reverse else range(T - 1, -1, -1):
        valid = (t < ends)[:, None]
        h_prev = np.where(valid, previous(h, t, ends, reverse), 0)
        # forward: h_t = λ h_prev + a_t
        da_t = np.where(valid, carry if dh is None else dh[t] + carry, 0)
        da[t] = da_t
        du += np.sum(turn(conjugate(h_prev), da_t), axis=0, dtype=du.dtype)
        carry = np.where(valid, turn(conjugate(u), da_t), carry)
    return da, du.astype(h.dtype), carry


def tangent(a_dot, h, u, u_dot, h0_dot, lengths=None, reverse=False):
    """Return the directional derivative of `forward`.

        ż_t = λ̇ z_{t-1} + λ ż_{t-1} + ȧ_t

    Parameters
    ----------
    a_dot : array (T, B, H)
        Direction of a. Values beyond a sample's length are ignored.
    h : array (T+1, B, H)
        States that `forward` returned.
    u, u_dot : array (H,)
        Eigenvalues λ and their direction.
    h0_dot : array (B, H)
        Direction of the initial state.
    lengths : integer array (B,), optional
        Number of valid steps of each sample. None means all T steps.
    reverse : bool
        Run each sample from its last valid step to its first one.

    Returns
    -------
    h_dot : array (T+1, B, H)
        Row 0 is h0_dot; row t+1 is the derivative of the output of time step t. Rows after the end
        of a sample are zero.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, dtype or layout, or H is odd.
    """
    contract.check_tangent("rotation.tangent", a_dot, h, u, u_dot, h0_dot, lengths, reverse)
    T, B, _ = a_dot.shape
    h_dot = np.empty_like(h)
    h_dot[0] = h0_dot
    ends, state = np.full(B, T) if lengths is None else lengths, h0_dot.copy()  # state: ż_{t-1}
    for t in range(T - 1, -1, -1) if reverse else range(T):
        valid = (t < ends)[:, None]  # (B, 1)
        # forward: h_t = λ h_prev + a_t
        h_dot_t = turn(u_dot, previous(h, t, ends, reverse)) + turn(u, state) + a_dot[t]
        h_dot[t + 1] = np.where(valid, h_dot_t, 0)
        state = np.where(valid, h_dot_t, state)
    return h_dot


def turn(u, z):
    """Return the product of complex numbers: real parts, then imaginary parts (..., H)."""
    (p, q), (x, y) = np.split(u, 2, axis=-1), np.split(z, 2, axis=-1)
    return np.concatenate([p * x - q * y, q * x + p * y], axis=-1)


def conjugate(z):
    """Return z* with the sign of the imaginary parts changed."""
    x, y = np.split(z, 2, axis=-1)
    return np.concatenate([x, -y], axis=-1)
