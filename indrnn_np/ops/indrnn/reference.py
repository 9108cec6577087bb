"""IndRNN cell in plain NumPy: the product of all time steps, then the reference recurrence."""

from __future__ import annotations

import numpy as np

from ..recurrence import reference as recurrence
from . import contract


def forward(x, W, u, b, h0, activation="relu", lengths=None, reverse=False, work=None, norm=None):
    """Run one IndRNN layer over all T time steps.

        h_t = φ(W x_t + u ⊙ h_{t-1} + b)

    Li et al. 2018, arXiv:1803.04831, eq. 2.

    Parameters
    ----------
    x : array (T, B, D)
        Inputs.
    W, u, b : array (H, D), array (H,), array (H,)
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
    norm : Norm, optional
        Normalisation that is applied to x first.

    Returns
    -------
    h : array (T+1, B, H)
        Row 0 is h0; row t+1 is the output of time step t.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, dtype or layout.
    """
    contract.check_forward("indrnn.forward", x, W, u, b, h0, activation, lengths, reverse, norm)
    x = x if norm is None else norm.apply(x)
    a = x @ W.T + b  # (T, B, H)
    return recurrence.forward(np.ascontiguousarray(a), u, h0, activation, lengths, reverse)


def backward(
    dh, x, h, W, u, dhT=None, activation="relu", lengths=None, reverse=False, work=None, probe=None, norm=None,
    input_gradient=True,
):  # fmt: skip
    """Return the gradients of the layer, by backpropagation through time.

        a_t = W x_t + b   gives   dx_t = Wᵀ da_t,   dW = Σ_{t,b} da_t x_tᵀ,   db = Σ_{t,b} da_t

    Parameters
    ----------
    dh : array (T, B, H) or None
        Gradient of the outputs h[1:]. None means zero.
    x : array (T, B, D)
        Inputs.
    h : array (T+1, B, H)
        States that `forward` returned.
    W, u : array (H, D), array (H,)
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
    norm : Norm, optional
        Normalisation that `forward` applied to x.
    input_gradient : bool
        Return dx. With False, dx is None and the compiled twins do not compute it.

    Returns
    -------
    dx : array (T, B, D) or None
        Gradient of x, or with `norm` mask ⊙ dx̃.
    dW, du, db, dh0 : array (H, D), array (H,), array (H,), array (B, H)
        Gradients of W, u, b and h0.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, dtype or layout.
    """
    contract.check_backward(
        "indrnn.backward", dh, x, h, W, u, dhT, activation, lengths, reverse, norm, input_gradient
    )
    x = x if norm is None else norm.apply(x)
    da, du, dh0 = recurrence.backward(dh, h, u, dhT, activation, lengths, reverse)
    if probe is not None:
        probe(0, len(da), dh, da)
    # forward: a = x @ W.T + b
    dx = da @ W
    if norm is not None and norm.mask is not None:
        dx = dx * norm.mask
    dW = np.einsum("tbh,tbd->hd", da, x if lengths is None else np.where(valid(x, lengths), x, 0))
    db = da.sum(axis=(0, 1), dtype=np.result_type(da.dtype, np.float64)).astype(da.dtype)
    return dx if input_gradient else None, dW, du, db, dh0


def tangent(x_dot, x, h, W, u, W_dot, u_dot, b_dot, h0_dot, activation="relu", lengths=None, reverse=False):
    """Return the directional derivative of `forward`.

        ȧ_t = W ẋ_t + Ẇ x_t + ḃ,   ḣ_t = φ'_t ⊙ (ȧ_t + u̇ ⊙ h_{t-1} + u ⊙ ḣ_{t-1})

    Parameters
    ----------
    x_dot, x : array (T, B, D)
        Direction of the inputs, and inputs. Values beyond a sample's length are ignored.
    h : array (T+1, B, H)
        States that `forward` returned.
    W, u : array (H, D), array (H,)
        Input weights and recurrent weights.
    W_dot, u_dot, b_dot, h0_dot : array (H, D), array (H,), array (H,), array (B, H)
        Directions of W, u, b and h0.
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
        "indrnn.tangent", x_dot, x, h, W, u, W_dot, u_dot, b_dot, h0_dot, activation, lengths, reverse
    )
    # forward: a = x @ W.T + b
    a_dot = x_dot @ W.T + x @ W_dot.T + b_dot
    return recurrence.tangent(a_dot, h, u, u_dot, h0_dot, activation, lengths, reverse)


def valid(x, lengths, t0=0):
    """Return the mask (T, B, 1) of the rows of x (T, B, D) that are not padding.

    The first row of x is time step t0.
    """
    return (np.arange(t0, t0 + len(x))[:, None] < lengths)[:, :, None]
