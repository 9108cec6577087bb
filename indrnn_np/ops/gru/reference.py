"""Gated recurrent unit in plain NumPy: one loop over time that mirrors the equations."""

from __future__ import annotations

import numpy as np

from ..recurrence.activation import ACTIVATIONS
from ..recurrence.reference import previous
from ..rnn.reference import bias_gradient, input_gradients, sample_ends, walk
from . import contract

σ = ACTIVATIONS["sigmoid"].array_phi


def forward(x, W, U, b, c, h0, lengths=None, reverse=False, work=None):
    """Run one layer over all T time steps.

        n_t = tanh(W_n x_t + b_n + r_t ⊙ (U_n h_{t-1} + c_n))
        h_t = (1 - z_t) ⊙ n_t + z_t ⊙ h_{t-1}

    Cho et al. 2014, arXiv:1406.1078. The op's `__init__` has the equations of the gates r and z.

    Parameters
    ----------
    x : array (T, B, D)
        Inputs.
    W, U : array (3 H, D), array (3 H, H)
        Input weights and recurrent weights of the gates r, z and n.
    b, c : array (3 H,)
        Biases of the two products.
    h0 : array (B, H)
        Initial state.
    lengths : integer array (B,), optional
        Number of valid steps of each sample. None means all T steps.
    reverse : bool
        Run each sample from its last valid step to its first one.
    work : optional
        Workspace of the compiled twins. The reference ignores it.

    Returns
    -------
    h : array (T+1, B, H)
        Row 0 is h0; row t+1 is the state after time step t.
    gates : array (T, B, 4 H)
        r, z, n and U_n h_{t-1} + c_n.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, dtype or layout.
    """
    contract.check_forward("gru.forward", x, W, U, b, c, h0, lengths, reverse)
    (T, B, _), H = x.shape, U.shape[1]
    a = x @ W.T + b  # (T, B, 3 H)
    h, gates = np.empty((T + 1, *h0.shape), a.dtype), np.empty((T, B, 4 * H), a.dtype)
    h[0] = state = h0
    for t, active in walk(T, B, lengths, reverse):
        (a_r, a_z, a_n), (v_r, v_z, m) = parts(a[t], 3), parts(state @ U.T + c, 3)
        r, z = σ(a_r + v_r), σ(a_z + v_z)
        n = np.tanh(a_n + r * m)
        h_t = (1 - z) * n + z * state
        gates[t] = np.where(active, np.concatenate([r, z, n, m], axis=1), 0)
        h[t + 1] = np.where(active, h_t, 0)
        state = np.where(active, h_t, state)
    return h, gates


def backward(dh, x, h, gates, W, U, dhT=None, lengths=None, reverse=False, work=None, probe=None):
    """Return the gradients of the layer, by backpropagation through time.

    Each line stands below the forward line that it differentiates.

    Parameters
    ----------
    dh : array (T, B, H) or None
        Gradient of the outputs h[1:]. None means zero.
    x : array (T, B, D)
        Inputs.
    h, gates : array (T+1, B, H), array (T, B, 4 H)
        Results of `forward`.
    W, U : array (3 H, D), array (3 H, H)
        Input weights and recurrent weights.
    dhT : array (B, H), optional
        Gradient of the last state of each sample.
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
    dx, dW, dU : array (T, B, D), array (3 H, D), array (3 H, H)
        Gradients of x, W and U.
    db, dc, dh0 : array (3 H,), array (3 H,), array (B, H)
        Gradients of b, c and h0.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, dtype or layout.
    """
    contract.check_backward("gru.backward", dh, x, h, gates, W, U, dhT, lengths, reverse)
    (T, B, _), H, ends = x.shape, U.shape[1], sample_ends(x, lengths)
    da, dv = (np.empty((T, B, 3 * H), h.dtype) for _ in range(2))
    total_dh = np.empty_like(h[1:])  # ∂L/∂h_t
    dU = np.zeros(U.shape, np.result_type(h.dtype, np.float64))
    carry = np.zeros_like(h[0]) if dhT is None else dhT  # from time step t + 1; at the end dhT
    for t, active in walk(T, B, lengths, not reverse):
        h_prev, (r, z, n, m) = previous(h, t, ends, reverse), parts(gates[t], 4)
        total_dh[t] = np.where(active, carry if dh is None else dh[t] + carry, 0)
        # forward: h_t = (1 - z) ⊙ n + z ⊙ h_prev
        dn, dz = total_dh[t] * (1 - z), total_dh[t] * (h_prev - n)
        # forward: n = tanh(a_n + r ⊙ m)
        da_n = dn * (1 - n * n)
        dr, dm = da_n * m, da_n * r
        # forward: r, z = σ(a + v)
        da_r, da_z = dr * r * (1 - r), dz * z * (1 - z)
        da[t] = np.where(active, np.concatenate([da_r, da_z, da_n], axis=1), 0)
        # forward: v = U h_prev + c, whose last part is m
        dv[t] = np.where(active, np.concatenate([da_r, da_z, dm], axis=1), 0)
        dU += dv[t].T @ np.where(active, h_prev, 0)
        carry = np.where(active, z * total_dh[t] + dv[t] @ U, carry)
    if probe is not None:
        probe(0, T, total_dh, da)
    dx, dW = input_gradients(da, x, W, lengths)
    return dx, dW, dU.astype(h.dtype), bias_gradient(da), bias_gradient(dv), carry.copy()


def tangent(x_dot, x, h, gates, W, U, W_dot, U_dot, b_dot, c_dot, h0_dot, lengths=None, reverse=False):
    """Return the directional derivative of `forward`.

    Each line stands below the forward line that it differentiates.

    Parameters
    ----------
    x_dot, x : array (T, B, D)
        Direction of the inputs, and inputs. Values beyond a sample's length are ignored.
    h, gates : array (T+1, B, H), array (T, B, 4 H)
        Results of `forward`.
    W, U : array (3 H, D), array (3 H, H)
        Input weights and recurrent weights.
    W_dot, U_dot, b_dot, c_dot : array (3 H, D), array (3 H, H), array (3 H,), array (3 H,)
        Directions of W, U, b and c.
    h0_dot : array (B, H)
        Direction of the initial state.
    lengths : integer array (B,), optional
        Number of valid steps of each sample. None means all T steps.
    reverse : bool
        Run each sample from its last valid step to its first one.

    Returns
    -------
    h_dot : array (T+1, B, H)
        Row 0 is h0_dot; row t+1 is the derivative of the state after time step t.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, dtype or layout.
    """
    contract.check_tangent(
        "gru.tangent", x_dot, x, h, gates, W, U, W_dot, U_dot, b_dot, c_dot, h0_dot, lengths, reverse
    )
    (T, B, _), ends = x.shape, sample_ends(x, lengths)
    # forward: a = x @ W.T + b
    a_dot = x_dot @ W.T + x @ W_dot.T + b_dot
    h_dot = np.empty_like(h)
    h_dot[0] = state = h0_dot
    for t, active in walk(T, B, lengths, reverse):
        h_prev, (r, z, n, m) = previous(h, t, ends, reverse), parts(gates[t], 4)
        # forward: v = U h_prev + c, whose last part is m
        v_r, v_z, m_dot = parts(h_prev @ U_dot.T + state @ U.T + c_dot, 3)
        a_r, a_z, a_n = parts(a_dot[t], 3)
        # forward: r, z = σ(a + v)
        r_dot, z_dot = r * (1 - r) * (a_r + v_r), z * (1 - z) * (a_z + v_z)
        # forward: n = tanh(a_n + r ⊙ m)
        n_dot = (1 - n * n) * (a_n + r_dot * m + r * m_dot)
        # forward: h_t = (1 - z) ⊙ n + z ⊙ h_prev
        h_dot_t = (1 - z) * n_dot + z * state + z_dot * (h_prev - n)
        h_dot[t + 1] = np.where(active, h_dot_t, 0)
        state = np.where(active, h_dot_t, state)
    return h_dot


def parts(rows, count):
    """Return the columns of rows (B, count · H), split by gate."""
    return np.split(rows, count, axis=1)
