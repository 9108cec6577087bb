"""Softmax cross-entropy in plain NumPy."""

from __future__ import annotations

import numpy as np

from . import contract


def loss(y, target, mask=None, out=None):
    """Return the mean cross-entropy of the labels and the softmax of the scores, and its gradient.

        L = -Σ log softmax(y)[target] / n,   dy = (softmax(y) - onehot(target)) / n

    n is the number of counted labels.

    Parameters
    ----------
    y : array (B, K) or (T, B, K)
        Scores.
    target : integer array (B,) or (T, B)
        Labels from 0 to K - 1. Labels that the mask leaves out may be any integer.
    mask : bool array (B,) or (T, B), optional
        True where a label counts. None means everywhere.
    out : array, optional
        Array of the shape of y for dy.

    Returns
    -------
    L : float
        Mean cross-entropy in nats, accumulated in float64.
    dy : array (B, K) or (T, B, K)
        Gradient of y. This is `out` unless that is None.

    Raises
    ------
    ValueError
        If an array has the wrong shape, dtype or layout, if a label is out of range, or if no label
        is counted.
    """
    contract.check("softmax_cross_entropy.loss", y, target, mask, out)
    labels, counted, n = contract.check_labels("softmax_cross_entropy.loss", y, target, mask)
    scores = y.reshape(-1, y.shape[-1])
    shifted = scores - scores.real.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    rows = np.arange(len(labels))
    value = -np.sum(log_p[rows, labels][counted], dtype=np.result_type(y.dtype, np.float64)) / n
    dy = np.exp(log_p)
    dy[rows, labels] -= 1
    dy = np.where(counted[:, None], dy / n, 0).astype(y.dtype).reshape(y.shape)
    if out is not None:
        out[...] = dy
        dy = out
    return value.item(), dy


def gradient_tangent(y_dot, y, target, mask=None):
    """Return the derivative of dy along y_dot: the Hessian of the loss with respect to y, times y_dot.

        ḋy = (p ⊙ ẏ - p ⟨p, ẏ⟩) / n,   p = softmax(y)

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
    where = "softmax_cross_entropy.gradient_tangent"
    contract.check(where, y, target, mask, None)
    contract.check_direction(where, y_dot, y)
    _, counted, n = contract.check_labels(where, y, target, mask)
    p = np.exp(y - y.max(axis=-1, keepdims=True))
    p /= p.sum(axis=-1, keepdims=True)
    dy_dot = p * (y_dot - np.sum(p * y_dot, axis=-1, keepdims=True)) / n
    return np.where(counted.reshape(*target.shape, 1), dy_dot, 0).astype(y.dtype)
