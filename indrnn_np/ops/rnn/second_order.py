"""Derivative of the backward pass of the recurrent network along a direction, in plain NumPy."""

from __future__ import annotations

import numpy as np

from ..indrnn.reference import valid
from ..recurrence.activation import ACTIVATIONS
from ..recurrence.contract import check_pair
from ..recurrence.reference import previous
from . import contract
from .reference import bias_gradient, sample_ends, walk


def backward_tangent(
    dh, dh_dot, x, x_dot, h, h_dot, W, W_dot, U, U_dot, dhT=None, dhT_dot=None, activation="tanh", lengths=None,
    reverse=False,
):  # fmt: skip
    """Return the directional derivatives of the results of `backward`.

        c_t = dh_t + Uᵀ da_{t+1},                       da_t = φ'_t ⊙ c_t
        ċ_t = ḋh_t + U̇ᵀ da_{t+1} + Uᵀ ḋa_{t+1},        ḋa_t = φ̇'_t ⊙ c_t + φ'_t ⊙ ċ_t

    Parameters
    ----------
    dh, dh_dot : array (T, B, H) or None
        Gradient of the outputs h[1:] and its derivative. None means zero, for both.
    x, x_dot : array (T, B, D)
        Inputs and their direction. Values beyond a sample's length are ignored.
    h, h_dot : array (T+1, B, H)
        States that `forward` returned, and their derivative (`tangent`).
    W, W_dot, U, U_dot : array (H, D), array (H, D), array (H, H), array (H, H)
        Weights and their directions.
    dhT, dhT_dot : array (B, H), optional
        Gradient of the last state of each sample and its derivative. None means zero, for both.
    activation : str
        A name in ACTIVATIONS (ops/recurrence/activation.py).
    lengths : integer array (B,), optional
        Number of valid steps of each sample. None means all T steps.
    reverse : bool
        Run each sample from its last valid step to its first one.

    Returns
    -------
    dx_dot, dW_dot, dU_dot, db_dot, dh0_dot : arrays
        Derivatives of the gradients, in the shapes of the gradients.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, dtype or layout.
    """
    where = "rnn.backward_tangent"
    contract.check_backward(where, dh, x, h, W, U, dhT, activation, lengths, reverse)
    contract.check_directions(where, x, U, dh_dot, x_dot, h_dot, W_dot, U_dot, dhT_dot)
    check_pair(where, "dh", dh, dh_dot)
    check_pair(where, "dhT", dhT, dhT_dot)
    (T, B, _), ends, φ = x.shape, sample_ends(x, lengths), ACTIVATIONS[activation]
    da, da_dot = np.empty_like(h[1:]), np.empty_like(h[1:])
    dU_dot = np.zeros(U.shape, np.result_type(h.dtype, np.float64))
    zero = np.zeros_like(h[0])
    carry, carry_dot = (zero, zero) if dhT is None else (dhT, dhT_dot)  # Uᵀ da_{t+1} and its derivative
    for t, active in walk(T, B, lengths, not reverse):
        h_t, h_prev = h[t + 1], previous(h, t, ends, reverse)
        h_dot_t, h_dot_prev = h_dot[t + 1], previous(h_dot, t, ends, reverse)
        c_t, c_dot_t = (carry, carry_dot) if dh is None else (dh[t] + carry, dh_dot[t] + carry_dot)
        slope = φ.array_dphi(h_t)
        # backward: da_t = φ'_t ⊙ c_t
        da[t] = np.where(active, slope * c_t, 0)
        da_dot[t] = np.where(active, φ.array_ddphi(h_t, h_dot_t) * c_t + slope * c_dot_t, 0)
        # backward: dU += da_t h_prevᵀ
        dU_dot += da_dot[t].T @ np.where(active, h_prev, 0) + da[t].T @ np.where(active, h_dot_prev, 0)
        # backward: carry = Uᵀ da_t
        carry_dot = np.where(active, da_dot[t] @ U + da[t] @ U_dot, carry_dot)
        carry = np.where(active, da[t] @ U, carry)
    if lengths is not None:
        x, x_dot = (np.where(valid(x, lengths), values, 0) for values in (x, x_dot))
    dx_dot = da_dot @ W + da @ W_dot
    dW_dot = np.einsum("tbh,tbd->hd", da_dot, x) + np.einsum("tbh,tbd->hd", da, x_dot)
    return dx_dot, dW_dot, dU_dot.astype(h.dtype), bias_gradient(da_dot), carry_dot
