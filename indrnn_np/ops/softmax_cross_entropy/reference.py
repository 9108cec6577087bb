"""Softmax cross-entropy in plain NumPy."""

from __future__ import annotations

import numpy as np

from . import contract


def loss(y, target, mask=None, weights=None, smoothing=0.0, out=None):
    """Return the mean cross-entropy of the labels and the softmax of the scores, and its gradient.

        L = -Σ w[target] / W · [(1 - ε) log p[target] + ε/K Σ_k log p_k],   p = softmax(y)
        dy = w[target] / W · (p - (1 - ε) onehot(target) - ε/K)

    W is the sum of w[target] over the counted labels: without weights, their number n. Sources of the
    smoothing ε: Szegedy et al. 2016, arXiv:1512.00567, section 7.

    Parameters
    ----------
    y : array (B, K) or (T, B, K)
        Scores.
    target : integer array (B,) or (T, B)
        Labels from 0 to K - 1. Labels that the mask leaves out may be any integer.
    mask : bool array (B,) or (T, B), optional
        True where a label counts. None means everywhere.
    weights : array (K,), optional
        Weights w of the classes, above 0. None means 1 for each class.
    smoothing : float
        Label smoothing ε in [0, 1): the probability that the target spreads over all K classes.
    out : array, optional
        Array of the shape of y for dy.

    Returns
    -------
    L : float
        Weighted mean of the cross-entropies in nats, accumulated in float64.
    dy : array (B, K) or (T, B, K)
        Gradient of y. This is `out` unless that is None.

    Raises
    ------
    ValueError
        If an array has the wrong shape, dtype or layout, if a label, a weight or the smoothing is out
        of range, or if no label is counted.
    """
    where = "softmax_cross_entropy.loss"
    smoothing = contract.check(where, y, target, mask, out, weights, smoothing)
    labels, counted, _ = contract.check_labels(where, y, target, mask)
    w, W = weights_of(y, labels, counted, weights)
    K = y.shape[-1]
    scores = y.reshape(-1, K)
    shifted = scores - scores.real.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    rows = np.arange(len(labels))
    losses = -(1 - smoothing) * log_p[rows, labels]
    if smoothing:  # without smoothing, log p_k may be -inf
        losses -= smoothing * log_p.mean(axis=1)
    value = np.sum((w * losses)[counted], dtype=np.result_type(y.dtype, np.float64)) / W
    dy = np.exp(log_p) - smoothing / K
    dy[rows, labels] -= 1 - smoothing
    dy = np.where(counted[:, None], w[:, None] * dy / W, 0).astype(y.dtype).reshape(y.shape)
    if out is not None:
        out[...] = dy
        dy = out
    return value.item(), dy


def weights_of(y, labels, counted, weights):
    """Return the weight w of each label, 0 for labels that are not counted, and the sum W of the weights."""
    classes = np.ones(y.shape[-1], y.real.dtype) if weights is None else weights.real
    w = np.where(counted, classes[labels], 0).astype(classes.dtype)
    return w, float(w.sum(dtype=np.float64))


def gradient_tangent(y_dot, y, target, mask=None, weights=None):
    """Return the derivative of dy along y_dot: the Hessian of the loss with respect to y, times y_dot.

        ḋy = w[target] / W · (p ⊙ ẏ - p ⟨p, ẏ⟩),   p = softmax(y)

    Label smoothing adds a constant to dy, which has no derivative.

    Parameters
    ----------
    y_dot, y : array (B, K) or (T, B, K)
        Direction of the outputs, and outputs.
    target, mask, weights
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
    contract.check(where, y, target, mask, None, weights)
    contract.check_direction(where, y_dot, y)
    labels, counted, _ = contract.check_labels(where, y, target, mask)
    w, W = weights_of(y, labels, counted, weights)
    w = w.reshape(*target.shape, 1)
    p = np.exp(y - y.max(axis=-1, keepdims=True))
    p /= p.sum(axis=-1, keepdims=True)
    dy_dot = w * p * (y_dot - np.sum(p * y_dot, axis=-1, keepdims=True)) / W
    return np.where(w > 0, dy_dot, 0).astype(y.dtype)
