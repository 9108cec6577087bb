"""Affine map in plain NumPy."""

from __future__ import annotations

import numpy as np

from . import contract


def forward(x, W, b, out=None):
    """Multiply by W and add b.

        y = W x + b

    Parameters
    ----------
    x, W, b : array (..., D), array (K, D), array (K,)
        Inputs, weights and bias.
    out : array (..., K), optional
        Array for the result.

    Returns
    -------
    y : array (..., K)
        Outputs. This is `out` unless that is None.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, dtype or layout.
    """
    contract.check_forward("affine.forward", x, W, b, out)
    y = x @ W.T + b
    if out is None:
        return y
    out[...] = y
    return out


def backward(dy, x, W, out=None, input_gradient=True):
    """Return the gradients of y = W x + b.

    Parameters
    ----------
    dy, x, W : array (..., K), array (..., D), array (K, D)
        Gradient of the outputs, inputs and weights.
    out : array (..., D), optional
        Array for dx.
    input_gradient : bool
        Return dx. With False, dx is None, and `out` may hold any numbers afterwards.

    Returns
    -------
    dx, dW, db : array (..., D) or None, array (K, D), array (K,)
        Gradients of x, W and b.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, dtype or layout.
    """
    contract.check_backward("affine.backward", dy, x, W, out, input_gradient)
    rows = tuple(range(dy.ndim - 1))  # all axes but the last
    # forward: y = x @ W.T + b
    dx = dy @ W
    dW = np.tensordot(dy, x, (rows, rows))
    db = dy.sum(axis=rows, dtype=np.result_type(dy.dtype, np.float64)).astype(dy.dtype)
    if out is not None:
        out[...] = dx
        dx = out
    return dx if input_gradient else None, dW, db


def tangent(x_dot, x, W, W_dot, b_dot):
    """Return the directional derivative of y = W x + b.

        ẏ = W ẋ + Ẇ x + ḃ

    Parameters
    ----------
    x_dot, x : array (..., D)
        Direction of the inputs, and inputs.
    W, W_dot, b_dot : array (K, D), array (K, D), array (K,)
        Weights, their direction, and the direction of b.

    Returns
    -------
    y_dot : array (..., K)
        Derivative of the outputs.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, dtype or layout.
    """
    contract.check_tangent("affine.tangent", x_dot, x, W, W_dot, b_dot)
    # forward: y = x @ W.T + b
    return x_dot @ W.T + x @ W_dot.T + b_dot
