"""Mean squared error in plain NumPy."""

from __future__ import annotations

import numpy as np

from . import contract


def loss(y, target, mask=None, out=None):
    """Return the mean squared error and its gradient.

        L = Σ (y - target)² / n,   dy = 2 (y - target) / n

    n is the number of counted elements.

    Parameters
    ----------
    y, target : array (B, K) or (T, B, K)
        Outputs and targets.
    mask : bool array (B,) or (T, B), optional
        True where a row of y counts. None means everywhere.
    out : array, optional
        Array of the shape of y for dy.

    Returns
    -------
    L : float
        Mean squared error, accumulated in float64.
    dy : array (B, K) or (T, B, K)
        Gradient of y. This is `out` unless that is None.

    Raises
    ------
    ValueError
        If an array has the wrong shape, dtype or layout, or if no element is counted.
    """
    contract.check("mse.loss", y, target, mask, out)
    n = contract.count("mse.loss", y, mask)
    difference = y - target
    if mask is not None:
        difference = np.where(mask[..., None], difference, 0)
    value = np.sum(difference**2, dtype=np.result_type(y.dtype, np.float64)) / n
    dy = (2 * difference / n).astype(y.dtype)
    if out is not None:
        out[...] = dy
        dy = out
    return value.item(), dy


def gradient_tangent(y_dot, y, target, mask=None):
    """Return the derivative of dy along y_dot: the Hessian of the loss with respect to y, times y_dot.

        ḋy = 2 ẏ / n

    Parameters
    ----------
    y_dot, y : array (B, K) or (T, B, K)
        Direction of the outputs, and outputs.
    target, mask
        As in `loss`.

    Returns
    -------
    dy_dot : array (B, K) or (T, B, K)
        Derivative of dy.

    Raises
    ------
    ValueError
        As in `loss`.
    """
    contract.check("mse.gradient_tangent", y, target, mask, None)
    contract.check_direction("mse.gradient_tangent", y_dot, y)
    counted = y_dot if mask is None else np.where(mask[..., None], y_dot, 0)
    return (2 * counted / contract.count("mse.gradient_tangent", y, mask)).astype(y.dtype)
