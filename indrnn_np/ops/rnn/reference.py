"""Recurrent network in plain NumPy: one loop over time that mirrors the equations."""

from __future__ import annotations

import numpy as np

from ..indrnn.reference import valid
from ..recurrence.activation import ACTIVATIONS
from ..recurrence.reference import previous
from . import contract


def forward(x, W, U, b, h0, activation="tanh", lengths=None, reverse=False, work=None):
    """Run one recurrent layer over all T time steps.

        h_t = φ(W x_t + U h_{t-1} + b)

    Elman 1990.

    Parameters
    ----------
    x : array (T, B, D)
        Inputs.
    W, U, b : array (H, D), array (H, H), array (H,)
        Input weights, recurrent weights and bias.
    h0 : array (B, H)
        Initial state.
    activation : str
        A name in ACTIVATIONS (ops/recurrence/activation.py).
    lengths : integer array (B,), optional
        Number of valid steps of each sample. None means all T steps.
    reverse : bool
        Run each sample from its last valid step to its first one.
    work : optional
        Workspace of the compiled twins. The reference ignores it.

    Returns
    -------
    h : array (T+1, B, H)
        Row 0 is h0; row t+1 is the output of time step t.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, dtype or layout.
    """
    contract.check_forward("rnn.forward", x, W, U, b, h0, activation, lengths, reverse)
    (T, B, _), φ = x.shape, ACTIVATIONS[activation].array_phi
    a = x @ W.T + b  # (T, B, H)
    h = np.empty((T + 1, *h0.shape), a.dtype)
    h[0] = state = h0
    for t, active in walk(T, B, lengths, reverse):
        h_t = φ(a[t] + state @ U.T)
        h[t + 1] = np.where(active, h_t, 0)
        state = np.where(active, h_t, state)
    return h


def backward(dh, x, h, W, U, dhT=None, activation="tanh", lengths=None, reverse=False, work=None, probe=None):
    """Return the gradients of the layer, by backpropagation through time.

        da_t = φ'_t ⊙ (dh_t + Uᵀ da_{t+1}),   dU = Σ_{t,b} da_t h_{t-1}ᵀ,   dh0 = Uᵀ da_1

    Parameters
    ----------
    dh : array (T, B, H) or None
        Gradient of the outputs h[1:]. None means zero.
    x : array (T, B, D)
        Inputs.
    h : array (T+1, B, H)
        States that `forward` returned.
    W, U : array (H, D), array (H, H)
        Input weights and recurrent weights.
    dhT : array (B, H), optional
        Gradient of the last state of each sample.
    activation : str
        A name in ACTIVATIONS (ops/recurrence/activation.py).
    lengths : integer array (B,), optional
        Number of valid steps of each sample. None means all T steps.
    reverse : bool
        Run each sample from its last valid step to its first one.
    work : optional
        Workspace of the compiled twins. The reference ignores it.
    probe : callable, optional
        Called as `probe(t0, t1, dh, da)` with the gradients of time steps t0 to t1.

    Returns
    -------
    dx, dW, dU : array (T, B, D), array (H, D), array (H, H)
        Gradients of x, W and U.
    db, dh0 : array (H,), array (B, H)
        Gradients of b and h0.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, dtype or layout.
    """
    contract.check_backward("rnn.backward", dh, x, h, W, U, dhT, activation, lengths, reverse)
    (T, B, _), ends, dφ = x.shape, sample_ends(x, lengths), ACTIVATIONS[activation].array_dphi
    da, total_dh = np.empty_like(h[1:]), np.empty_like(h[1:])  # total_dh: ∂L/∂h_t
    dU = np.zeros(U.shape, np.result_type(h.dtype, np.float64))
    carry = np.zeros_like(h[0]) if dhT is None else dhT  # Uᵀ da_{t+1}; at the end dhT
    for t, active in walk(T, B, lengths, not reverse):
        h_t, h_prev = h[t + 1], previous(h, t, ends, reverse)
        # forward: h_t = φ(W x_t + U h_prev + b)
        total_dh[t] = np.where(active, carry if dh is None else dh[t] + carry, 0)
        da[t] = np.where(active, dφ(h_t) * total_dh[t], 0)
        dU += da[t].T @ np.where(active, h_prev, 0)
        carry = np.where(active, da[t] @ U, carry)
    if probe is not None:
        probe(0, T, total_dh, da)
    dx, dW = input_gradients(da, x, W, lengths)
    return dx, dW, dU.astype(h.dtype), bias_gradient(da), carry.copy()


def tangent(x_dot, x, h, W, U, W_dot, U_dot, b_dot, h0_dot, activation="tanh", lengths=None, reverse=False):
    """Return the directional derivative of `forward`.

        ḣ_t = φ'_t ⊙ (W ẋ_t + Ẇ x_t + ḃ + U̇ h_{t-1} + U ḣ_{t-1})

    Parameters
    ----------
    x_dot, x : array (T, B, D)
        Direction of the inputs, and inputs. Values beyond a sample's length are ignored.
    h : array (T+1, B, H)
        States that `forward` returned.
    W, U : array (H, D), array (H, H)
        Input weights and recurrent weights.
    W_dot, U_dot, b_dot, h0_dot : array (H, D), array (H, H), array (H,), array (B, H)
        Directions of W, U, b and h0.
    activation : str
        A name in ACTIVATIONS (ops/recurrence/activation.py).
    lengths : integer array (B,), optional
        Number of valid steps of each sample. None means all T steps.
    reverse : bool
        Run each sample from its last valid step to its first one.

    Returns
    -------
    h_dot : array (T+1, B, H)
        Row 0 is h0_dot; row t+1 is the derivative of the output of time step t.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, dtype or layout.
    """
    contract.check_tangent(
        "rnn.tangent", x_dot, x, h, W, U, W_dot, U_dot, b_dot, h0_dot, activation, lengths, reverse
    )
    (T, B, _), ends, dφ = x.shape, sample_ends(x, lengths), ACTIVATIONS[activation].array_dphi
    # forward: a = x @ W.T + b
    a_dot = x_dot @ W.T + x @ W_dot.T + b_dot
    h_dot = np.empty_like(h)
    h_dot[0] = state = h0_dot
    for t, active in walk(T, B, lengths, reverse):
        h_t, h_prev = h[t + 1], previous(h, t, ends, reverse)
        # forward: h_t = φ(a_t + U h_prev)
        h_dot_t = dφ(h_t) * (a_dot[t] + h_prev @ U_dot.T + state @ U.T)
        h_dot[t + 1] = np.where(active, h_dot_t, 0)
        state = np.where(active, h_dot_t, state)
    return h_dot


def walk(T, B, lengths, from_the_end):
    """Yield each time step t of the walk, and the mask (B, 1) of samples that have not ended."""
    ends = np.full(B, T) if lengths is None else lengths
    for t in range(T - 1, -1, -1) if from_the_end else range(T):
        yield t, (t < ends)[:, None]


def sample_ends(x, lengths):
    """Return the number of valid time steps of each sample (B,)."""
    return np.full(x.shape[1], len(x)) if lengths is None else lengths


def input_gradients(da, x, W, lengths):
    """Return dx and dW of a = W x, for da (T, B, G) that is zero in padding."""
    return da @ W, np.einsum("tbg,tbd->gd", da, x if lengths is None else np.where(valid(x, lengths), x, 0))


def bias_gradient(da):
    """Return the sum over time steps and samples."""
    return da.sum(axis=(0, 1), dtype=np.result_type(da.dtype, np.float64)).astype(da.dtype)
