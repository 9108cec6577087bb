"""Derivative of the backward pass of the cell along a direction, in plain NumPy."""

from __future__ import annotations

import numpy as np

from ..recurrence.second_order import backward_tangent as recurrence_backward_tangent
from . import contract
from .reference import valid


def backward_tangent(
    dh, dh_dot, x, x_dot, h, h_dot, W, W_dot, u, u_dot, dhT=None, dhT_dot=None, activation="relu", lengths=None,
    reverse=False, input_gradient=True,
):  # fmt: skip
    """Return the directional derivatives of the results of `backward`.

        ḋx_t = Ẇᵀ da_t + Wᵀ ḋa_t,   ḋW = Σ_{t,b} ḋa_t x_tᵀ + da_t ẋ_tᵀ,   ḋb = Σ_{t,b} ḋa_t

    Parameters
    ----------
    dh, dh_dot : array (T, B, H) or None
        Gradient of the outputs h[1:] and its derivative. None means zero, for both.
    x, x_dot : array (T, B, D)
        Inputs and their direction. Values beyond a sample's length are ignored.
    h, h_dot : array (T+1, B, H)
        States that `forward` returned, and their derivative (`tangent`).
    W, W_dot, u, u_dot : array (H, D), array (H, D), array (H,), array (H,)
        Weights and their directions.
    dhT, dhT_dot : array (B, H), optional
        Gradient of the last state of each sample and its derivative. None means zero, for both.
    activation : str
        A name in ACTIVATIONS (ops/recurrence/activation.py).
    lengths : integer array (B,), optional
        Number of valid steps of each sample. None means all T steps.
    reverse : bool
        Run each sample from its last valid step to its first one.
    input_gradient : bool
        Whether to compute dx_dot.

    Returns
    -------
    dx_dot : array (T, B, D) or None
        Derivative of the gradient of x; None without `input_gradient`.
    dW_dot, du_dot, db_dot, dh0_dot : array (H, D), array (H,), array (H,), array (B, H)
        Derivatives of the gradients of W, u, b and h0.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, dtype or layout.
    """
    contract.check_backward_tangent("indrnn.backward_tangent", x, x_dot, h, W, W_dot)
    da, da_dot, du_dot, dh0_dot = recurrence_backward_tangent(
        dh, dh_dot, h, h_dot, u, u_dot, dhT, dhT_dot, activation, lengths, reverse
    )
    if lengths is not None:
        x, x_dot = (np.where(valid(x, lengths), values, 0) for values in (x, x_dot))
    # backward: dx = da @ W
    dx_dot = da_dot @ W + da @ W_dot
    # backward: dW = Σ da_t x_tᵀ
    dW_dot = np.einsum("tbh,tbd->hd", da_dot, x) + np.einsum("tbh,tbd->hd", da, x_dot)
    db_dot = da_dot.sum(axis=(0, 1), dtype=np.result_type(da.dtype, np.float64)).astype(da.dtype)
    return dx_dot if input_gradient else None, dW_dot, du_dot, db_dot, dh0_dot
