"""Derivative of the backward pass of the affine map along a direction, in plain NumPy."""

from __future__ import annotations

import numpy as np

from . import contract


def backward_tangent(dy, dy_dot, x, x_dot, W, W_dot):
    """Return the directional derivatives of the results of `backward`.

        ḋx = Ẇᵀ dy + Wᵀ ḋy,   ḋW = Σ ḋy xᵀ + dy ẋᵀ,   ḋb = Σ ḋy

    Parameters
    ----------
    dy, dy_dot : array (..., K)
        Gradient of the outputs and its derivative.
    x, x_dot : array (..., D)
        Inputs and their direction.
    W, W_dot : array (K, D)
        Weights and their direction.

    Returns
    -------
    dx_dot, dW_dot, db_dot : array (..., D), array (K, D), array (K,)
        Derivatives of the gradients of x, W and b.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, dtype or layout.
    """
    contract.check_backward_tangent("affine.backward_tangent", dy, dy_dot, x, x_dot, W, W_dot)
    rows = tuple(range(dy.ndim - 1))  # all axes but the last
    # backward: dx = dy @ W
    dx_dot = dy_dot @ W + dy @ W_dot
    # backward: dW = Σ dy xᵀ
    dW_dot = np.tensordot(dy_dot, x, (rows, rows)) + np.tensordot(dy, x_dot, (rows, rows))
    db_dot = dy_dot.sum(axis=rows, dtype=np.result_type(dy.dtype, np.float64)).astype(dy.dtype)
    return dx_dot, dW_dot, db_dot
