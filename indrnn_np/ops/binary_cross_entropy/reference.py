"""Binary cross-entropy in plain NumPy."""

from __future__ import annotations

import numpy as np

from . import contract


def loss(y, target, mask=None, out=None):
    """Return the mean binary cross-entropy of independent labels, and its gradient.

        L = Σ [m |y| + log(1 + exp(-|y|))] / n,   dy = (σ(y) - target) / n

    m = |[y > 0] - target|, and n is the number of counted elements.

    Parameters
    ----------
    y : array (B, K) or (T, B, K)
        Scores.
    target : array (B, K) or (T, B, K)
        Probabilities of the labels, from 0 to 1. Rows that the mask leaves out may hold any number.
    mask : bool array (B,) or (T, B), optional
        True where a row of y counts. None means everywhere.
    out : array, optional
        Array of the shape of y for dy.

    Returns
    -------
    L : float
        Mean binary cross-entropy in nats, accumulated in float64.
    dy : array (B, K) or (T, B, K)
        Gradient of y. This is `out` unless that is None.

    Raises
    ------
    ValueError
        If an array has the wrong shape, dtype or layout, if a target is not from 0 to 1, or if no
        element is counted.
    """
    contract.check("binary_cross_entropy.loss", y, target, mask, out)
    target = target.real  # a complex step keeps real targets
    n = contract.check_targets("binary_cross_entropy.loss", y, target, mask)
    rows = ... if mask is None else mask
    scores, t = y[rows], target[rows]
    positive = scores.real > 0
    size, m = np.where(positive, scores, -scores), np.where(positive, 1 - t, t)
    e = np.exp(-size)
    terms = m * np.where(m > 0, size, 0) + np.log1p(e)  # inf * 0 is 0 here
    slope = m - e / (1 + e)  # the derivative of a term with respect to |y|
    dy = np.empty_like(y) if out is None else out
    dy[...] = 0
    dy[rows] = np.where(positive, slope, -slope) / n
    return (np.sum(terms, dtype=np.result_type(y.dtype, np.float64)) / n).item(), dy


def gradient_tangent(y_dot, y, target, mask=None):
    """Return the derivative of dy along y_dot: the Hessian of the loss with respect to y, times y_dot.

        ḋy = σ(y) (1 - σ(y)) ⊙ ẏ / n

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
    where = "binary_cross_entropy.gradient_tangent"
    contract.check(where, y, target, mask, None)
    contract.check_direction(where, y_dot, y)
    e = np.exp(-np.abs(y))
    dy_dot = e / (1 + e) ** 2 * y_dot / contract.check_targets(where, y, target, mask)
    return (dy_dot if mask is None else np.where(mask[..., None], dy_dot, 0)).astype(y.dtype)
