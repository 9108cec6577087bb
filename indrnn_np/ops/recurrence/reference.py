"""Recurrence in plain NumPy: one loop over time that mirrors the equations line by line."""

from __future__ import annotations

import numpy as np

from . import contract
from .activation import ACTIVATIONS


def forward(a, u, h0, activation="relu", lengths=None, reverse=False, out=None):
    """Run the recurrence over all T time steps.

        h_t = φ(a_t + u ⊙ h_{t-1})

    Li et al. 2018, arXiv:1803.04831, eq. 2 with a_t = W x_t + b.

    Parameters
    ----------
    a : array (T, B, H)
        Input part of the pre-activations.
    u : array (H,)
        Recurrent weights.
    h0 : array (B, H)
        Initial state.
    activation : str
        A name in ACTIVATIONS (activation.py).
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
        If an argument has the wrong shape, dtype or layout.
    """
    contract.check_forward("recurrence.forward", a, u, h0, activation, lengths, reverse, out)
    T, B, _ = a.shape
    h = np.empty((T + 1, *h0.shape), a.dtype) if out is None else out
    h[0] = h0
    ends = np.full(B, T) if lengths is None else lengths
    φ, state = ACTIVATIONS[activation].array_phi, h0.copy()  # state: h_{t-1} of each sample
    for t in range(T - 1, -1, -1) if reverse else range(T):
        valid = (t < ends)[:, None]  # (B, 1)
        h_t = φ(a[t] + u * state)
        h[t + 1] = np.where(valid, h_t, 0)
        state = np.where(valid, h_t, state)
    return h


def backward(dh, h, u, dhT=None, activation="relu", lengths=None, reverse=False, out=None):
    """Return the gradients of the recurrence, by backpropagation through time.

        da_t = φ'_t ⊙ (dh_t + u ⊙ da_{t+1}),   du = Σ_{t,b} da_t ⊙ h_{t-1},   dh0 = u ⊙ da_1

    Li et al. 2018, arXiv:1803.04831, eq. 4.

    Parameters
    ----------
    dh : array (T, B, H) or None
        Gradient of the outputs h[1:]. None means zero.
    h : array (T+1, B, H)
        States that `forward` returned.
    u : array (H,)
        Recurrent weights.
    dhT : array (B, H), optional
        Gradient of the last state of each sample.
    activation : str
        A name in ACTIVATIONS (activation.py).
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
        If an argument has the wrong shape, dtype or layout.
    """
    contract.check_backward("recurrence.backward", dh, h, u, dhT, activation, lengths, reverse, out)
    T, B, H = h.shape[0] - 1, h.shape[1], h.shape[2]
    da = np.empty((T, B, H), h.dtype) if out is None else out
    ends = np.full(B, T) if lengths is None else lengths
    if dh is not None and lengths is not None:  # padding may hold NaN
        dh = np.where((np.arange(T)[:, None] < ends)[:, :, None], dh, 0)
    dφ, du = ACTIVATIONS[activation].array_dphi, np.zeros(H, np.result_type(h.dtype, np.float64))
    carry = np.zeros((B, H), h.dtype) if dhT is None else dhT.copy()  # u ⊙ da_{t+1}; at the end dhT
    for t in range(T) if reverse else range(T - 1, -1, -1):
        valid = (t < ends)[:, None]
        h_t, h_prev = h[t + 1], previous(h, t, ends, reverse)
        # forward: h_t = φ(a_t + u ⊙ h_prev)
        dh_t = carry if dh is None else dh[t] + carry
        da_t = np.where(valid, dφ(h_t) * dh_t, 0)
        da[t] = da_t
        du += np.sum(da_t * np.where(valid, h_prev, 0), axis=0, dtype=du.dtype)
        carry = np.where(valid, u * da_t, carry)
    return da, du.astype(h.dtype), carry


def tangent(a_dot, h, u, u_dot, h0_dot, activation="relu", lengths=None, reverse=False):
    """Return the directional derivative of `forward`.

        ḣ_t = φ'_t ⊙ (ȧ_t + u̇ ⊙ h_{t-1} + u ⊙ ḣ_{t-1})

    Parameters
    ----------
    a_dot : array (T, B, H)
        Direction of a. Values beyond a sample's length are ignored.
    h : array (T+1, B, H)
        States that `forward` returned.
    u, u_dot : array (H,)
        Recurrent weights and their direction.
    h0_dot : array (B, H)
        Direction of the initial state.
    activation : str
        A name in ACTIVATIONS (activation.py).
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
        If an argument has the wrong shape, dtype or layout.
    """
    contract.check_tangent("recurrence.tangent", a_dot, h, u, u_dot, h0_dot, activation, lengths, reverse)
    T, B, _ = a_dot.shape
    h_dot = np.empty_like(h)
    h_dot[0] = h0_dot
    ends = np.full(B, T) if lengths is None else lengths
    dφ, state = ACTIVATIONS[activation].array_dphi, h0_dot.copy()  # state: ḣ_{t-1} of each sample
    for t in range(T - 1, -1, -1) if reverse else range(T):
        valid = (t < ends)[:, None]  # (B, 1)
        h_t, h_prev = h[t + 1], previous(h, t, ends, reverse)
        # forward: h_t = φ(a_t + u ⊙ h_prev)
        h_dot_t = dφ(h_t) * (a_dot[t] + u_dot * h_prev + u * state)
        h_dot[t + 1] = np.where(valid, h_dot_t, 0)
        state = np.where(valid, h_dot_t, state)
    return h_dot


def previous(h, t, ends, reverse):
    """Return h_{t-1} (B, H): row t of h; in reverse row t + 2, or h0 at a sample's last step."""
    if not reverse:
        return h[t]
    after = h[t + 2] if t + 2 < len(h) else h[0]
    return np.where((t == ends - 1)[:, None], h[0], after)


def last(h, lengths=None, reverse=False):
    """Return a copy of each sample's last state (B, H): h[lengths] or h[T]; in reverse, row 1."""
    contract.check_last("recurrence.last", h, lengths, reverse)
    T, B = h.shape[0] - 1, h.shape[1]
    if lengths is None:
        return h[min(T, 1) if reverse else T].copy()
    return h[np.minimum(lengths, 1) if reverse else lengths, np.arange(B)]
