"""Layer normalisation in plain NumPy."""

from __future__ import annotations

import numpy as np

from ... import _check


def forward(x, scale, shift, eps=1e-5, out=None):
    """Normalise each row by its own mean and variance.

    Equation   y = scale ⊙ (x - mean) / √(var + eps) + shift,  Ba et al. 2016, arXiv:1607.06450, eq. 3 and 4
    Reads      x (B, H) or (T, B, H), scale (H,), shift (H,)
    Returns    y of the shape of x (it is `out` if given), mean and rstd (B,) or (T, B)
    Raises     ValueError naming the array, what it has and what was expected
    """
    check_forward("layernorm.forward", x, scale, shift, out)
    wide = x.astype(np.result_type(x.dtype, np.float64))
    mean = wide.mean(axis=-1, keepdims=True)
    var = ((wide - mean) ** 2).mean(axis=-1, keepdims=True)
    rstd = 1 / np.sqrt(var + eps)
    y = (scale * ((wide - mean) * rstd) + shift).astype(x.dtype)
    if out is not None:
        out[...] = y
        y = out
    return y, mean[..., 0].astype(x.dtype), rstd[..., 0].astype(x.dtype)


def backward(dy, x, mean, rstd, scale, out=None):
    """Carry the gradient back through the normalisation, its mean and its variance included.

    Reads      dy and x (B, H) or (T, B, H), mean and rstd (B,) or (T, B) from forward, scale (H,)
    Returns    dx of the shape of x (it is `out` if given), dscale (H,), dshift (H,)
    Raises     ValueError naming the array, what it has and what was expected
    """
    check_backward("layernorm.backward", dy, x, mean, rstd, scale, out)
    wide = np.result_type(x.dtype, np.float64)
    x_hat = (x.astype(wide) - mean[..., None]) * rstd[..., None]
    g = scale.astype(wide) * dy
    # forward: y = scale * x_hat + shift
    means = g.mean(axis=-1, keepdims=True), (g * x_hat).mean(axis=-1, keepdims=True)
    dx = (rstd[..., None] * (g - means[0] - x_hat * means[1])).astype(x.dtype)
    rows = dy.reshape(-1, x.shape[-1]).astype(wide)
    dscale = (rows * x_hat.reshape(rows.shape)).sum(axis=0).astype(x.dtype)
    dshift = rows.sum(axis=0).astype(x.dtype)
    if out is not None:
        out[...] = dx
        dx = out
    return dx, dscale, dshift


def check_forward(where, x, scale, shift, out):
    """The contract of forward, shared with the twin."""
    check_rows(where, x, scale)
    _check.array(where, "shift", shift, 1, "(H,)")
    _check.floats(where, _check.FLOATS, x=x, scale=scale, shift=shift, out=out)
    _check.matches(where, "shift", shift, x.shape[-1:], "x", x)
    check_out(where, x, out)


def check_backward(where, dy, x, mean, rstd, scale, out):
    """The contract of backward, shared with the twin."""
    check_rows(where, x, scale)
    _check.array(where, "dy", dy, (2, 3), "(B, H) or (T, B, H)")
    for name, value in (("mean", mean), ("rstd", rstd)):
        _check.array(where, name, value, (1, 2), "(B,) or (T, B)")
        _check.matches(where, name, value, x.shape[:-1], "x", x)
    _check.floats(where, _check.FLOATS, x=x, dy=dy, mean=mean, rstd=rstd, scale=scale, out=out)
    _check.matches(where, "dy", dy, x.shape, "x", x)
    check_out(where, x, out)


def check_rows(where, x, scale):
    """Rows of H numbers, at least one, and the scale that they all share."""
    _check.array(where, "x", x, (2, 3), "(B, H) or (T, B, H)")
    _check.at_least(where, "the number of units H", x.shape[-1], 1)
    _check.array(where, "scale", scale, 1, "(H,)")
    _check.matches(where, "scale", scale, x.shape[-1:], "x", x)


def check_out(where, x, out):
    """Where the result goes."""
    if out is not None:
        _check.array(where, "out", out)
        _check.matches(where, "out", out, x.shape, "x", x)
