"""Layer normalisation in plain NumPy."""

from __future__ import annotations

import numpy as np

from . import contract


def forward(x, scale, shift, eps=1e-5, out=None):
    """Normalise each row by its mean and variance.

        y = scale ⊙ (x - mean) / √(var + eps) + shift

    Ba et al. 2016, arXiv:1607.06450, eq. 3 and 4.

    Parameters
    ----------
    x : array (B, H) or (T, B, H)
        Inputs.
    scale, shift : array (H,)
        Scale and shift of each neuron.
    eps : float
        Constant that is added to the variance.
    out : array, optional
        Array of the shape of x for y. It may be x.

    Returns
    -------
    y : array (B, H) or (T, B, H)
        Outputs. This is `out` unless that is None.
    mean, rstd : array (B,) or (T, B)
        Mean, and 1 / √(var + eps), of each row.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, dtype or layout.

    Notes
    -----
    The mean of the deviations corrects the rounding of the mean, so the mean of equal values is
    their value. The mean is subtracted before it is rounded to the dtype of x, so rows far from 0
    lose no precision where longdouble is wider than float64.
    """
    contract.check_forward("layernorm.forward", x, scale, shift, eps, out)
    mean = x.mean(axis=-1, keepdims=True, dtype=np.result_type(x.dtype, np.longdouble))
    mean += np.where(np.isfinite(mean), x - mean, 0).mean(axis=-1, keepdims=True)
    deviation = (x - mean).astype(np.result_type(x.dtype, np.float64))
    rstd = 1 / np.sqrt((deviation**2).mean(axis=-1, keepdims=True) + eps)
    y = (scale * (deviation * rstd) + shift).astype(x.dtype)
    if out is not None:
        out[...] = y
        y = out
    return y, mean[..., 0].astype(x.dtype), rstd[..., 0].astype(x.dtype)


def backward(dy, x, mean, rstd, scale, out=None):
    """Return the gradients of the normalisation, including those through its mean and variance.

        dx = rstd (g - Σ g / H - x̂ Σ (g ⊙ x̂) / H),   g = scale ⊙ dy

    Parameters
    ----------
    dy, x : array (B, H) or (T, B, H)
        Gradient of the outputs, and inputs of `forward`.
    mean, rstd : array (B,) or (T, B)
        Statistics that `forward` returned.
    scale : array (H,)
        Scale of each neuron.
    out : array, optional
        Array of the shape of x for dx. It may be dy.

    Returns
    -------
    dx : array (B, H) or (T, B, H)
        Gradient of x. This is `out` unless that is None.
    dscale, dshift : array (H,)
        Gradients of scale and shift.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, dtype or layout.
    """
    contract.check_backward("layernorm.backward", dy, x, mean, rstd, scale, out)
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


def tangent(x_dot, x, mean, rstd, scale, scale_dot, shift_dot):
    """Return the directional derivative of y, including that of the mean and variance.

        d = rstd (ẋ - Σ ẋ / H - x̂ Σ (ẋ ⊙ x̂) / H),   ẏ = scale ⊙ d + scale_dot ⊙ x̂ + shift_dot

    Parameters
    ----------
    x_dot, x : array (B, H) or (T, B, H)
        Direction of the inputs, and inputs.
    mean, rstd : array (B,) or (T, B)
        Statistics that `forward` returned.
    scale, scale_dot, shift_dot : array (H,)
        Scale of each neuron, and the directions of scale and shift.

    Returns
    -------
    y_dot : array (B, H) or (T, B, H)
        Derivative of the outputs.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, dtype or layout.
    """
    contract.check_tangent("layernorm.tangent", x_dot, x, mean, rstd, scale, scale_dot, shift_dot)
    wide = np.result_type(x.dtype, np.float64)
    x_hat = (x.astype(wide) - mean[..., None]) * rstd[..., None]
    means = x_dot.mean(axis=-1, keepdims=True, dtype=wide), (x_dot * x_hat).mean(axis=-1, keepdims=True)
    # forward: y = scale * x_hat + shift
    x_hat_dot = rstd[..., None] * (x_dot - means[0] - x_hat * means[1])
    return (scale * x_hat_dot + scale_dot * x_hat + shift_dot).astype(x.dtype)
