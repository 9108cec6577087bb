"""The affine map in plain NumPy."""

from __future__ import annotations

import numpy as np

from ... import _check


def forward(x, W, b, out=None):
    """Multiply by W and add b.

    Equation   y = W x + b
    Reads      x (..., D), W (K, D), b (K,)
    Returns    y (..., K); it is `out` if given
    Raises     ValueError naming the array, what it has and what was expected
    """
    check_forward("affine.forward", x, W, b, out)
    y = x @ W.T + b
    if out is None:
        return y
    out[...] = y
    return out


def backward(dy, x, W, out=None):
    """Carry the gradient back through y = W x + b.

    Reads      dy (..., K), x (..., D), W (K, D)
    Returns    dx (..., D) (it is `out` if given), dW (K, D), db (K,)
    Raises     ValueError naming the array, what it has and what was expected
    """
    check_backward("affine.backward", dy, x, W, out)
    rows, inputs = dy.reshape(-1, len(W)), x.reshape(-1, W.shape[1])
    # forward: y = x @ W.T + b
    dx = dy @ W
    dW = rows.T @ inputs
    db = rows.sum(axis=0, dtype=np.result_type(dy.dtype, np.float64)).astype(dy.dtype)
    if out is not None:
        out[...] = dx
        dx = out
    return dx, dW, db


def check_forward(where, x, W, b, out):
    """The contract of forward, shared with the twin."""
    _check.array(where, "W", W, 2, "(K, D)")
    _check.array(where, "x", x)
    _check.array(where, "b", b, 1, "(K,)")
    _check.floats(where, _check.FLOATS, x=x, W=W, b=b, out=out)
    _check.matches(where, "x", x, (*x.shape[:-1], W.shape[1]), "W", W)
    _check.matches(where, "b", b, (len(W),), "W", W)
    if out is not None:
        _check.array(where, "out", out)
        _check.matches(where, "out", out, (*x.shape[:-1], len(W)), "x", x)


def check_backward(where, dy, x, W, out):
    """The contract of backward, shared with the twin."""
    _check.array(where, "W", W, 2, "(K, D)")
    _check.array(where, "x", x)
    _check.array(where, "dy", dy)
    _check.floats(where, _check.FLOATS, x=x, W=W, dy=dy, out=out)
    _check.matches(where, "x", x, (*x.shape[:-1], W.shape[1]), "W", W)
    _check.matches(where, "dy", dy, (*x.shape[:-1], len(W)), "x", x)
    if out is not None:
        _check.array(where, "out", out)
        _check.matches(where, "out", out, x.shape, "x", x)
