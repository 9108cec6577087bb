"""Long short-term memory in plain NumPy: one loop over time that mirrors the equations line by line."""

from __future__ import annotations

import numpy as np

from ..recurrence.reference import previous, φ
from ..rnn.reference import check_start, check_states, ends_of, of_inputs, total, walk


def forward(x, W, U, b, h0, c0, lengths=None, reverse=False, work=None):
    """Run one layer over all T steps.

    Equation   c_t = f_t ⊙ c_{t-1} + i_t ⊙ g_t,  h_t = o_t ⊙ tanh c_t,  gates i f g o of W x_t + U h_{t-1} + b
    Reads      x (T, B, D), W (4 H, D), U (4 H, H), b (4 H,), h0 (B, H), c0 (B, H), lengths (B,) integers or None
    Returns    h (T+1, B, H), c (T+1, B, H), gates (T, B, 4 H): row 0 of h and c is h0 and c0
    Raises     ValueError naming the array, what it has and what was expected
    """
    check_start("lstm.forward", 4, x, W, U, {"b": b}, {"h0": h0, "c0": c0}, lengths)
    T, B, _ = x.shape
    a = x @ W.T + b  # (T, B, 4 H)
    h, c = (np.empty((T + 1, *h0.shape), a.dtype) for _ in range(2))
    gates = np.empty_like(a)
    h[0], c[0] = state, cell = h0, c0
    for t, counts in walk(T, B, lengths, reverse):
        i, f, g, o = parts(a[t] + state @ U.T)
        i, f, g, o = φ["sigmoid"](i), φ["sigmoid"](f), np.tanh(g), φ["sigmoid"](o)
        c_t = f * cell + i * g
        h_t = o * np.tanh(c_t)
        gates[t] = np.where(counts, np.concatenate([i, f, g, o], axis=1), 0)
        h[t + 1], c[t + 1] = np.where(counts, h_t, 0), np.where(counts, c_t, 0)
        state, cell = np.where(counts, h_t, state), np.where(counts, c_t, cell)
    return h, c, gates


def backward(
    dh, x, h, c, gates, W, U, dhT=None, dcT=None, lengths=None, reverse=False, work=None, probe=None
):
    """Carry the gradient back through the layer.

    Equation   those of ops/lstm, each beside the forward line that it differentiates
    Reads      dh (T, B, H) or None; x (T, B, D); h, c, gates from forward; W (4 H, D), U (4 H, H)
               dhT (B, H), dcT (B, H)    gradients arriving at each sample's last h and c, or None
    Returns    dx (T, B, D), dW (4 H, D), dU (4 H, H), db (4 H,), dh0 (B, H), dc0 (B, H)
    Raises     ValueError naming the array, what it has and what was expected
    """
    check_backward("lstm.backward", dh, x, h, c, gates, W, U, dhT, dcT, lengths)
    (T, B, _), ends = x.shape, ends_of(x, lengths)
    da, whole = np.empty_like(gates), np.empty_like(h[1:])
    dU = np.zeros(U.shape, np.result_type(h.dtype, np.float64))
    carry_h = np.zeros_like(h[0]) if dhT is None else dhT  # Uᵀ da_{t+1}, or the gradient on the last state
    carry_c = (
        np.zeros_like(h[0]) if dcT is None else dcT
    )  # f_{t+1} ⊙ ∂L/∂c_{t+1}, or the gradient on the last c
    for t, counts in walk(T, B, lengths, not reverse):
        h_prev, c_prev = (previous(state, t, ends, reverse) for state in (h, c))
        i, f, g, o = parts(gates[t])
        tanh_c = np.tanh(c[t + 1])
        whole[t] = np.where(counts, carry_h if dh is None else dh[t] + carry_h, 0)
        # forward: h_t = o ⊙ tanh c_t
        do, dc = whole[t] * tanh_c, carry_c + whole[t] * o * (1 - tanh_c * tanh_c)
        # forward: c_t = f ⊙ c_prev + i ⊙ g
        di, df, dg = dc * g, dc * c_prev, dc * i
        # forward: i, f, o = σ(a), g = tanh(a)
        da_t = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g * g), do * o * (1 - o)]
        da[t] = np.where(counts, np.concatenate(da_t, axis=1), 0)
        # forward: a = W x_t + U h_prev + b
        dU += da[t].T @ np.where(counts, h_prev, 0)
        carry_h, carry_c = np.where(counts, da[t] @ U, carry_h), np.where(counts, dc * f, carry_c)
    if probe is not None:
        probe(0, T, whole, da)
    return *of_inputs(da, x, W, lengths), dU.astype(h.dtype), total(da), carry_h.copy(), carry_c.copy()


def parts(rows):
    """The four gates' columns of rows (B, 4 H)."""
    return np.split(rows, 4, axis=1)


def check_backward(where, dh, x, h, c, gates, W, U, dhT, dcT, lengths):
    """The contract of backward, shared with the twin."""
    check_states(
        where, 4, dh, x, W, U, {"h": h, "c": c}, {"gates": (gates, 4)}, {"dhT": dhT, "dcT": dcT}, lengths
    )
