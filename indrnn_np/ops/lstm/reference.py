"""Long short-term memory in plain NumPy: one loop over time that mirrors the equations."""

from __future__ import annotations

import numpy as np

from ..recurrence.activation import ACTIVATIONS
from ..recurrence.reference import previous
from ..rnn.reference import bias_gradient, input_gradients, sample_ends, walk
from . import contract

σ = ACTIVATIONS["sigmoid"].array_phi


def forward(x, W, U, b, h0, c0, lengths=None, reverse=False, work=None):
    """Run one layer over all T time steps.

        [i_t f_t g_t o_t] = [σ σ tanh σ](W x_t + U h_{t-1} + b)
        c_t = f_t ⊙ c_{t-1} + i_t ⊙ g_t,   h_t = o_t ⊙ tanh c_t

    Hochreiter & Schmidhuber 1997; forget gate: Gers, Schmidhuber & Cummins 2000.

    Parameters
    ----------
    x : array (T, B, D)
        Inputs.
    W, U, b : array (4 H, D), array (4 H, H), array (4 H,)
        Input weights, recurrent weights and bias of the gates i, f, g and o.
    h0, c0 : array (B, H)
        Initial state and initial cell state.
    lengths : integer array (B,), optional
        Number of valid steps of each sample. None means all T steps.
    reverse : bool
        Run each sample from its last valid step to its first one.
    work : optional
        Workspace of the compiled twins. The reference ignores it.

    Returns
    -------
    h, c : array (T+1, B, H)
        Row 0 is h0 (c0); row t+1 is the state after time step t.
    gates : array (T, B, 4 H)
        i, f, g and o.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, dtype or layout.
    """
    contract.check_forward("lstm.forward", x, W, U, b, h0, c0, lengths, reverse)
    T, B, _ = x.shape
    a = x @ W.T + b  # (T, B, 4 H)
    h, c = (np.empty((T + 1, *h0.shape), a.dtype) for _ in range(2))
    gates = np.empty_like(a)
    h[0], c[0] = state, cell = h0, c0
    for t, active in walk(T, B, lengths, reverse):
        i, f, g, o = parts(a[t] + state @ U.T)
        i, f, g, o = σ(i), σ(f), np.tanh(g), σ(o)
        c_t = f * cell + i * g
        h_t = o * np.tanh(c_t)
        gates[t] = np.where(active, np.concatenate([i, f, g, o], axis=1), 0)
        h[t + 1], c[t + 1] = np.where(active, h_t, 0), np.where(active, c_t, 0)
        state, cell = np.where(active, h_t, state), np.where(active, c_t, cell)
    return h, c, gates


def backward(
    dh, x, h, c, gates, W, U, dhT=None, dcT=None, lengths=None, reverse=False, work=None, probe=None
):
    """Return the gradients of the layer, by backpropagation through time.

    Each line stands below the forward line that it differentiates.

    Parameters
    ----------
    dh : array (T, B, H) or None
        Gradient of the outputs h[1:]. None means zero.
    x : array (T, B, D)
        Inputs.
    h, c, gates : array (T+1, B, H), array (T+1, B, H), array (T, B, 4 H)
        Results of `forward`.
    W, U : array (4 H, D), array (4 H, H)
        Input weights and recurrent weights.
    dhT, dcT : array (B, H), optional
        Gradients of the last h and the last c of each sample.
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
    dx, dW, dU : array (T, B, D), array (4 H, D), array (4 H, H)
        Gradients of x, W and U.
    db, dh0, dc0 : array (4 H,), array (B, H), array (B, H)
        Gradients of b, h0 and c0.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, dtype or layout.
    """
    contract.check_backward("lstm.backward", dh, x, h, c, gates, W, U, dhT, dcT, lengths, reverse)
    (T, B, _), ends = x.shape, sample_ends(x, lengths)
    da, total_dh = np.empty_like(gates), np.empty_like(h[1:])  # total_dh: ∂L/∂h_t
    dU = np.zeros(U.shape, np.result_type(h.dtype, np.float64))
    carry_h = np.zeros_like(h[0]) if dhT is None else dhT  # Uᵀ da_{t+1}; at the end dhT
    carry_c = np.zeros_like(h[0]) if dcT is None else dcT  # f_{t+1} ⊙ ∂L/∂c_{t+1}; at the end dcT
    for t, active in walk(T, B, lengths, not reverse):
        h_prev, c_prev = (previous(state, t, ends, reverse) for state in (h, c))
        i, f, g, o = parts(gates[t])
        tanh_c = np.tanh(c[t + 1])
        total_dh[t] = np.where(active, carry_h if dh is None else dh[t] + carry_h, 0)
        # forward: h_t = o ⊙ tanh c_t
        do, dc = total_dh[t] * tanh_c, carry_c + total_dh[t] * o * (1 - tanh_c * tanh_c)
        # forward: c_t = f ⊙ c_prev + i ⊙ g
        di, df, dg = dc * g, dc * c_prev, dc * i
        # forward: i, f, o = σ(a), g = tanh(a)
        da_t = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g * g), do * o * (1 - o)]
        da[t] = np.where(active, np.concatenate(da_t, axis=1), 0)
        # forward: a = W x_t + U h_prev + b
        dU += da[t].T @ np.where(active, h_prev, 0)
        carry_h, carry_c = np.where(active, da[t] @ U, carry_h), np.where(active, dc * f, carry_c)
    if probe is not None:
        probe(0, T, total_dh, da)
    dx, dW = input_gradients(da, x, W, lengths)
    return dx, dW, dU.astype(h.dtype), bias_gradient(da), carry_h.copy(), carry_c.copy()


def tangent(x_dot, x, h, c, gates, W, U, W_dot, U_dot, b_dot, h0_dot, c0_dot, lengths=None, reverse=False):
    """Return the directional derivative of `forward`.

    Each line stands below the forward line that it differentiates.

    Parameters
    ----------
    x_dot, x : array (T, B, D)
        Direction of the inputs, and inputs. Values beyond a sample's length are ignored.
    h, c, gates : array (T+1, B, H), array (T+1, B, H), array (T, B, 4 H)
        Results of `forward`.
    W, U : array (4 H, D), array (4 H, H)
        Input weights and recurrent weights.
    W_dot, U_dot, b_dot : array (4 H, D), array (4 H, H), array (4 H,)
        Directions of W, U and b.
    h0_dot, c0_dot : array (B, H)
        Directions of h0 and c0.
    lengths : integer array (B,), optional
        Number of valid steps of each sample. None means all T steps.
    reverse : bool
        Run each sample from its last valid step to its first one.

    Returns
    -------
    h_dot, c_dot : array (T+1, B, H)
        Row 0 is h0_dot (c0_dot); row t+1 is the derivative of the state after time step t.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, dtype or layout.
    """
    contract.check_tangent(
        "lstm.tangent", x_dot, x, h, c, gates, W, U, W_dot, U_dot, b_dot, h0_dot, c0_dot, lengths, reverse
    )
    (T, B, _), ends = x.shape, sample_ends(x, lengths)
    # forward: a = x @ W.T + b
    a_dot = x_dot @ W.T + x @ W_dot.T + b_dot
    h_dot, c_dot = np.empty_like(h), np.empty_like(c)
    h_dot[0], c_dot[0] = state, cell = h0_dot, c0_dot
    for t, active in walk(T, B, lengths, reverse):
        h_prev, c_prev = (previous(values, t, ends, reverse) for values in (h, c))
        i, f, g, o = parts(gates[t])
        # forward: i, f, g, o = σ(a_i), σ(a_f), tanh(a_g), σ(a_o), a = W x_t + U h_prev + b
        a_i, a_f, a_g, a_o = parts(a_dot[t] + h_prev @ U_dot.T + state @ U.T)
        i_dot, f_dot, g_dot, o_dot = (
            i * (1 - i) * a_i,
            f * (1 - f) * a_f,
            (1 - g * g) * a_g,
            o * (1 - o) * a_o,
        )
        # forward: c_t = f ⊙ c_prev + i ⊙ g
        c_dot_t = f_dot * c_prev + f * cell + i_dot * g + i * g_dot
        # forward: h_t = o ⊙ tanh c_t
        tanh_c = np.tanh(c[t + 1])
        h_dot_t = o_dot * tanh_c + o * (1 - tanh_c * tanh_c) * c_dot_t
        h_dot[t + 1], c_dot[t + 1] = np.where(active, h_dot_t, 0), np.where(active, c_dot_t, 0)
        state, cell = np.where(active, h_dot_t, state), np.where(active, c_dot_t, cell)
    return h_dot, c_dot


def parts(rows):
    """Return the columns of rows (B, 4 H), split by gate."""
    return np.split(rows, 4, axis=1)
