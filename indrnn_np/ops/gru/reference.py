"""The gated recurrent unit in plain NumPy: one loop over time that mirrors the equations line by line."""

from __future__ import annotations

import numpy as np

from ..recurrence.reference import previous, φ
from ..rnn.reference import check_start, check_states, ends_of, of_inputs, total, walk


def forward(x, W, U, b, c, h0, lengths=None, reverse=False, work=None):
    """Run one layer over all T steps.

    Equation   h_t = (1 - z_t) ⊙ n_t + z_t ⊙ h_{t-1},  n_t = tanh(W_n x_t + b_n + r_t ⊙ (U_n h_{t-1} + c_n))
    Reads      x (T, B, D), W (3 H, D), U (3 H, H), b, c (3 H,), h0 (B, H), lengths (B,) integers or None
    Returns    h (T+1, B, H), whose row 0 is h0, and gates (T, B, 4 H): r, z, n and U_n h_{t-1} + c_n
    Raises     ValueError naming the array, what it has and what was expected
    """
    check_forward("gru.forward", x, W, U, b, c, h0, lengths)
    (T, B, _), H = x.shape, U.shape[1]
    a = x @ W.T + b  # (T, B, 3 H)
    h, gates = np.empty((T + 1, *h0.shape), a.dtype), np.empty((T, B, 4 * H), a.dtype)
    h[0] = state = h0
    for t, counts in walk(T, B, lengths, reverse):
        (a_r, a_z, a_n), (v_r, v_z, m) = parts(a[t], 3), parts(state @ U.T + c, 3)
        r, z = φ["sigmoid"](a_r + v_r), φ["sigmoid"](a_z + v_z)
        n = np.tanh(a_n + r * m)
        h_t = (1 - z) * n + z * state
        gates[t] = np.where(counts, np.concatenate([r, z, n, m], axis=1), 0)
        h[t + 1] = np.where(counts, h_t, 0)
        state = np.where(counts, h_t, state)
    return h, gates


def backward(dh, x, h, gates, W, U, dhT=None, lengths=None, reverse=False, work=None, probe=None):
    """Carry the gradient back through the layer.

    Equation   those of ops/gru, each beside the forward line that it differentiates
    Reads      dh (T, B, H) or None, x (T, B, D), h and gates from forward, W (3 H, D), U (3 H, H), dhT (B, H) or None
    Returns    dx (T, B, D), dW (3 H, D), dU (3 H, H), db (3 H,), dc (3 H,), dh0 (B, H)
    Raises     ValueError naming the array, what it has and what was expected
    """
    check_backward("gru.backward", dh, x, h, gates, W, U, dhT, lengths)
    (T, B, _), H, ends = x.shape, U.shape[1], ends_of(x, lengths)
    da, dv = (np.empty((T, B, 3 * H), h.dtype) for _ in range(2))
    whole = np.empty_like(h[1:])
    dU = np.zeros(U.shape, np.result_type(h.dtype, np.float64))
    carry = np.zeros_like(h[0]) if dhT is None else dhT  # from step t+1, or the gradient on the last state
    for t, counts in walk(T, B, lengths, not reverse):
        h_prev, (r, z, n, m) = previous(h, t, ends, reverse), parts(gates[t], 4)
        whole[t] = np.where(counts, carry if dh is None else dh[t] + carry, 0)
        # forward: h_t = (1 - z) ⊙ n + z ⊙ h_prev
        dn, dz = whole[t] * (1 - z), whole[t] * (h_prev - n)
        # forward: n = tanh(a_n + r ⊙ m)
        da_n = dn * (1 - n * n)
        dr, dm = da_n * m, da_n * r
        # forward: r, z = σ(a + v)
        da_r, da_z = dr * r * (1 - r), dz * z * (1 - z)
        da[t] = np.where(counts, np.concatenate([da_r, da_z, da_n], axis=1), 0)
        # forward: v = U h_prev + c, of which m is the last part
        dv[t] = np.where(counts, np.concatenate([da_r, da_z, dm], axis=1), 0)
        dU += dv[t].T @ np.where(counts, h_prev, 0)
        carry = np.where(counts, z * whole[t] + dv[t] @ U, carry)
    if probe is not None:
        probe(0, T, whole, da)
    return *of_inputs(da, x, W, lengths), dU.astype(h.dtype), total(da), total(dv), carry.copy()


def parts(rows, count):
    """The columns of rows (B, count · H), gate by gate."""
    return np.split(rows, count, axis=1)


def check_forward(where, x, W, U, b, c, h0, lengths):
    """The contract of forward, shared with the twin."""
    check_start(where, 3, x, W, U, {"b": b, "c": c}, {"h0": h0}, lengths)


def check_backward(where, dh, x, h, gates, W, U, dhT, lengths):
    """The contract of backward, shared with the twin."""
    check_states(where, 3, dh, x, W, U, {"h": h}, {"gates": (gates, 4)}, {"dhT": dhT}, lengths)
