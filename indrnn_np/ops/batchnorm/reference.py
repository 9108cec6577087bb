"""Batch normalisation in plain NumPy; statistics are accumulated in float64."""

from __future__ import annotations

import numpy as np

from . import contract
from .running_statistics import rows as rows
from .running_statistics import update as update


def forward(x, scale, shift, eps=1e-5, lengths=None, per_step=False, out=None):
    """Normalise each neuron by the statistics of this batch.

        y = scale ⊙ (x - mean) / √(var + eps) + shift

    Ioffe & Szegedy 2015, arXiv:1502.03167, algorithm 1.

    Parameters
    ----------
    x : array (T, B, H)
        Inputs.
    scale, shift : array (H,)
        Scale and shift of each neuron.
    eps : float
        Constant that is added to the variance.
    lengths : integer array (B,), optional
        Number of valid steps of each sample. None means all T steps.
    per_step : bool
        Take separate statistics at each time step.
    out : array (T, B, H), optional
        Array for y. It may be x.

    Returns
    -------
    y : array (T, B, H)
        Outputs. This is `out` unless that is None.
    mean, var : array (S, H)
        Mean and biased variance, S = T with `per_step` and 1 without.

    Raises
    ------
    ValueError
        If an array has the wrong shape, dtype or layout, or if no value is counted.
    """
    contract.check_forward("batchnorm.forward", x, scale, shift, eps, lengths, per_step, out)
    mean, var = statistics(x, lengths, per_step)
    return apply(x, mean, var, scale, shift, eps, lengths, out), mean, var


def statistics(x, lengths=None, per_step=False):
    """Return the mean and the variance of each neuron over batch and time, or at each time step.

    Parameters
    ----------
    x : array (T, B, H)
        Inputs.
    lengths : integer array (B,), optional
        Number of valid steps of each sample. None means all T steps.
    per_step : bool
        Take separate statistics at each time step.

    Returns
    -------
    mean, var : array (S, H)
        Mean and biased variance, S = T with `per_step` and 1 without.

    Raises
    ------
    ValueError
        If an array has the wrong shape, dtype or layout, or if no value is counted.

    Notes
    -----
    The mean of the deviations corrects the rounding of the mean, so the mean of equal values is
    their value, and x - mean is zero.
    """
    contract.check_statistics("batchnorm.statistics", x, lengths, per_step)
    valid, n = counts(x, lengths, per_step)
    axes = 1 if per_step else (0, 1)
    wide = np.result_type(x.dtype, np.float64)
    mean = np.sum(np.where(valid, x, 0), axis=axes, dtype=wide).reshape(len(n), -1) / n
    mean += np.sum(np.where(valid, x - mean[:, None], 0), axis=axes, dtype=wide).reshape(len(n), -1) / n
    var = np.sum(np.where(valid, x - mean[:, None], 0) ** 2, axis=axes, dtype=wide).reshape(len(n), -1) / n
    return mean.astype(x.dtype), var.astype(x.dtype)


def backward(dy, x, mean, var, scale, eps=1e-5, lengths=None, per_step=False, out=None):
    """Return the gradients of the normalisation, including those through its mean and variance.

        dx = scale ⊙ rstd ⊙ (dy - Σ dy / n - x̂ ⊙ Σ (dy ⊙ x̂) / n),   rstd = 1 / √(var + eps)

    Parameters
    ----------
    dy, x : array (T, B, H)
        Gradient of the outputs, and inputs of `forward`.
    mean, var : array (S, H)
        Statistics that `forward` returned.
    scale : array (H,)
        Scale of each neuron.
    eps : float
        Constant that is added to the variance.
    lengths : integer array (B,), optional
        Number of valid steps of each sample. None means all T steps.
    per_step : bool
        Whether the statistics are separate for each time step.
    out : array (T, B, H), optional
        Array for dx. It may be dy.

    Returns
    -------
    dx, dscale, dshift : array (T, B, H), array (H,), array (H,)
        Gradients of x, scale and shift.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, dtype or layout.
    """
    contract.check_backward("batchnorm.backward", dy, x, mean, var, scale, eps, lengths, per_step, out)
    valid, n = counts(x, lengths, per_step)
    axes = 1 if per_step else (0, 1)
    wide = np.result_type(x.dtype, np.float64)
    rstd = 1 / np.sqrt(var + eps)[:, None]
    x_hat = np.where(valid, (x - mean[:, None]) * rstd, 0)
    dy = np.where(valid, dy, 0)
    sum_dy = np.sum(dy, axis=axes, dtype=wide).reshape(mean.shape)
    sum_dy_x_hat = np.sum(dy * x_hat, axis=axes, dtype=wide).reshape(mean.shape)
    dx = scale * rstd * (dy - (sum_dy / n)[:, None] - x_hat * (sum_dy_x_hat / n)[:, None])
    dx = np.where(valid, dx, 0).astype(x.dtype)
    if out is not None:
        out[...] = dx
        dx = out
    return dx, sum_dy_x_hat.sum(axis=0).astype(x.dtype), sum_dy.sum(axis=0).astype(x.dtype)


def tangent(x_dot, x, mean, var, scale, scale_dot, shift_dot, eps=1e-5, lengths=None, per_step=False):
    """Return the directional derivative of y, including that of the mean and variance.

        d = rstd ⊙ (ẋ - Σ ẋ / n - x̂ ⊙ Σ (ẋ ⊙ x̂) / n),   rstd = 1 / √(var + eps)
        ẏ = scale ⊙ d + scale_dot ⊙ x̂ + shift_dot

    Parameters
    ----------
    x_dot, x : array (T, B, H)
        Direction of the inputs, and inputs. Values beyond a sample's length are ignored.
    mean, var : array (S, H)
        Statistics that `forward` returned.
    scale, scale_dot, shift_dot : array (H,)
        Scale of each neuron, and the directions of scale and shift.
    eps : float
        Constant that is added to the variance.
    lengths : integer array (B,), optional
        Number of valid steps of each sample. None means all T steps.
    per_step : bool
        Whether the statistics are separate for each time step.

    Returns
    -------
    y_dot : array (T, B, H)
        Derivative of the outputs.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, dtype or layout.
    """
    contract.check_tangent(
        "batchnorm.tangent", x_dot, x, mean, var, scale, scale_dot, shift_dot, eps, lengths, per_step
    )
    valid, n = counts(x, lengths, per_step)
    axes = 1 if per_step else (0, 1)
    wide = np.result_type(x.dtype, np.float64)
    rstd = 1 / np.sqrt(var + eps)[:, None]
    x_hat = np.where(valid, (x - mean[:, None]) * rstd, 0)
    x_dot = np.where(valid, x_dot, 0)
    mean_x_dot = np.sum(x_dot, axis=axes, dtype=wide).reshape(mean.shape) / n
    mean_product = np.sum(x_dot * x_hat, axis=axes, dtype=wide).reshape(mean.shape) / n
    # forward: y = scale * x_hat + shift
    x_hat_dot = rstd * (x_dot - mean_x_dot[:, None] - x_hat * mean_product[:, None])
    y_dot = scale * x_hat_dot + scale_dot * x_hat + shift_dot
    return np.where(valid, y_dot, 0).astype(x.dtype)


def apply(x, mean, var, scale, shift, eps=1e-5, lengths=None, out=None):
    """Normalise by stored statistics (inference).

        y = scale ⊙ (x - mean) / √(var + eps) + shift

    Parameters
    ----------
    x : array (T, B, H)
        Inputs.
    mean, var : array (S, H)
        Statistics, S = 1 or T.
    scale, shift : array (H,)
        Scale and shift of each neuron.
    eps : float
        Constant that is added to the variance.
    lengths : integer array (B,), optional
        Number of valid steps of each sample. None means all T steps.
    out : array (T, B, H), optional
        Array for y. It may be x.

    Returns
    -------
    y : array (T, B, H)
        Outputs. This is `out` unless that is None.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, dtype or layout.
    """
    contract.check_apply("batchnorm.apply", x, mean, var, scale, shift, eps, lengths, out)
    y = scale * ((x - mean[:, None]) / np.sqrt(var + eps)[:, None]) + shift
    y = np.where(counts(x, lengths, False)[0], y, 0).astype(x.dtype)
    if out is None:
        return y
    out[...] = y
    return out


def counts(x, lengths, per_step):
    """Return the mask of valid rows (T, B, 1), and the number of values, at least 1, of statistics.

    The numbers have the shape (S, 1).
    """
    T, B, _ = x.shape
    ends = np.full(B, T) if lengths is None else lengths
    valid = np.arange(T)[:, None] < ends  # (T, B)
    n = valid.sum(axis=1)[:, None] if per_step else np.array([[valid.sum()]])
    return valid[:, :, None], np.maximum(n, 1)
