"""Derivative of the backward pass of the recurrence along a direction, in plain NumPy."""

from __future__ import annotations

import numpy as np

from . import contract
from .activation import ACTIVATIONS
from .reference import previous


def backward_tangent(
    dh, dh_dot, h, h_dot, u, u_dot, dhT=None, dhT_dot=None, activation="relu", lengths=None, reverse=False
):
    """Return da, and the directional derivatives of the results of `backward`.

        c_t = dh_t + u ⊙ da_{t+1},                        da_t = φ'_t ⊙ c_t
        ċ_t = ḋh_t + u̇ ⊙ da_{t+1} + u ⊙ ḋa_{t+1},        ḋa_t = φ̇'_t ⊙ c_t + φ'_t ⊙ ċ_t
        ḋu = Σ_{t,b} ḋa_t ⊙ h_{t-1} + da_t ⊙ ḣ_{t-1}

    φ̇'_t is the derivative of φ'_t, a function of the output: 0 for relu and identity.

    Parameters
    ----------
    dh, dh_dot : array (T, B, H) or None
        Gradient of the outputs h[1:] and its derivative. None means zero, for both.
    h, h_dot : array (T+1, B, H)
        States that `forward` returned, and their derivative (`tangent`).
    u, u_dot : array (H,)
        Recurrent weights and their direction.
    dhT, dhT_dot : array (B, H), optional
        Gradient of the last state of each sample and its derivative. None means zero, for both.
    activation : str
        A name in ACTIVATIONS (activation.py).
    lengths : integer array (B,), optional
        Number of valid steps of each sample. None means all T steps.
    reverse : bool
        Run each sample from its last valid step to its first one.

    Returns
    -------
    da, da_dot : array (T, B, H)
        Gradient of a and its derivative. Rows after the end of a sample are zero.
    du_dot, dh0_dot : array (H,), array (B, H)
        Derivatives of the gradients of u and h0.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, dtype or layout.
    """
    contract.check_backward_tangent(
        "recurrence.backward_tangent",
        dh,
        dh_dot,
        h,
        h_dot,
        u,
        u_dot,
        dhT,
        dhT_dot,
        activation,
        lengths,
        reverse,
    )
    T, B, H = h.shape[0] - 1, h.shape[1], h.shape[2]
    φ, wide = ACTIVATIONS[activation], np.result_type(h.dtype, np.float64)
    da, da_dot, du_dot = np.empty_like(h[1:]), np.empty_like(h[1:]), np.zeros(H, wide)
    ends = np.full(B, T) if lengths is None else lengths
    zero = np.zeros((B, H), h.dtype)
    carry, carry_dot = (zero, zero) if dhT is None else (dhT, dhT_dot)  # u ⊙ da_{t+1} and its derivative
    for t in range(T) if reverse else range(T - 1, -1, -1):
        valid = (t < ends)[:, None]
        h_t, h_prev = h[t + 1], previous(h, t, ends, reverse)
        h_dot_t, h_dot_prev = h_dot[t + 1], previous(h_dot, t, ends, reverse)
        c_t, c_dot_t = (carry, carry_dot) if dh is None else (dh[t] + carry, dh_dot[t] + carry_dot)
        slope = φ.array_dphi(h_t)
        # backward: da_t = φ'_t ⊙ c_t
        da[t] = da_t = np.where(valid, slope * c_t, 0)
        da_dot[t] = da_dot_t = np.where(valid, φ.array_ddphi(h_t, h_dot_t) * c_t + slope * c_dot_t, 0)
        # backward: du += da_t ⊙ h_prev
        terms = np.where(valid, da_dot_t * h_prev + da_t * h_dot_prev, 0)
        du_dot += np.sum(terms, axis=0, dtype=wide)
        # backward: carry = u ⊙ da_t
        carry_dot = np.where(valid, u_dot * da_t + u * da_dot_t, carry_dot)
        carry = np.where(valid, u * da_t, carry)
    return da, da_dot, du_dot.astype(h.dtype), carry_dot
