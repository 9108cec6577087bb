"""Read-out with softmax cross-entropy in plain NumPy: the references of both ops, one after the other."""

from __future__ import annotations

from ..affine import reference as affine
from ..softmax_cross_entropy import reference as softmax_cross_entropy
from . import contract


def loss(x, W, b, target, mask=None, work=None):
    """Return the mean cross-entropy of the labels and the softmax of W x + b, and its gradients.

        y = W x + b,   L = -Σ log softmax(y)[target] / n

    n is the number of counted labels.

    Parameters
    ----------
    x : array (B, D) or (T, B, D)
        Inputs of the read-out.
    W, b : array (K, D), array (K,)
        Weights and bias.
    target : integer array (B,) or (T, B)
        Labels from 0 to K - 1. Labels that the mask leaves out may be any integer.
    mask : bool array (B,) or (T, B), optional
        True where a label counts. None means everywhere.
    work : Workspace, optional
        Buffers that are reused between calls; they also hold dx and dW.

    Returns
    -------
    L : float
        Mean cross-entropy in nats, accumulated in float64.
    dx, dW, db : array of the shape of x, array (K, D), array (K,)
        Gradients of x, W and b.

    Raises
    ------
    ValueError
        If an array has the wrong shape, dtype or layout, if a label is out of range, or if no label
        is counted.
    """
    contract.check("softmax_readout.loss", x, W, b, target, mask)
    value, dy = softmax_cross_entropy.loss(affine.forward(x, W, b), target, mask)
    return value, *affine.backward(dy, x, W)


def evaluate(x, W, b, target, mask=None, work=None):
    """Return the mean cross-entropy as `loss` does, and the number of labels with the largest score.

    Parameters
    ----------
    x, W, b, target, mask, work
        As in `loss`.

    Returns
    -------
    L : float
        Mean cross-entropy in nats.
    right : int
        Number of counted labels whose score is the largest; the first one of equal scores.

    Raises
    ------
    ValueError
        As in `loss`.
    """
    labels, counted, _ = contract.check("softmax_readout.evaluate", x, W, b, target, mask)
    y = affine.forward(x, W, b)
    right = counted & (y.reshape(-1, len(b)).argmax(axis=1) == labels)
    return softmax_cross_entropy.loss(y, target, mask)[0], int(right.sum())
