"""Batch normalisation in plain NumPy; statistics are accumulated in float64."""

from __future__ import annotations

import numpy as np

from . import contract


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


def update(running_mean, running_var, mean, var, counts, t0, momentum):
    """Move running statistics towards the statistics of a batch, in place.

        r ← (1 - momentum) r + momentum · batch

    The variance of the batch enters as var · n / (n - 1). A statistic over a single value does not
    change the running variance.

    Parameters
    ----------
    running_mean, running_var : array (R, H)
        Running statistics. Row min(t0 + s, R - 1) changes for each s with counts[s] > 0. If several
        steps share the last row, the last step determines it.
    mean, var : array (S, H)
        Statistics that `forward` returned.
    counts : integer array (S,)
        Number n of values of each statistic.
    t0 : int
        Number of time steps before this batch.
    momentum : float
        Weight of the batch.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, dtype or layout.
    """
    momentum = contract.check_update(
        "batchnorm.update", running_mean, running_var, mean, var, counts, t0, momentum
    )
    counted = counts > 0
    r = np.minimum(t0 + np.flatnonzero(counted), len(running_mean) - 1)
    n = counts[counted][:, None]
    unbiased = var[counted] * (n / np.maximum(n - 1, 1))
    running_mean[r] = ((1 - momentum) * running_mean[r] + momentum * mean[counted]).astype(running_mean.dtype)
    moved = ((1 - momentum) * running_var[r] + momentum * unbiased).astype(running_var.dtype)
    running_var[r] = np.where(n > 1, moved, running_var[r])


def rows(running, t0, T):
    """Return the running statistics of T time steps from step t0 on, for `apply`.

    Parameters
    ----------
    running : array (R, H)
        Running means or variances.
    t0, T : int
        First time step and number of time steps.

    Returns
    -------
    array (T, H)
        Rows min(t0 + t, R - 1).
    """
    contract.check_rows("batchnorm.rows", running, t0, T)
    return running[np.minimum(np.arange(t0, t0 + T), len(running) - 1)]


def counts(x, lengths, per_step):
    """Return the mask of valid rows (T, B, 1), and the number of values, at least 1, of statistics.

    The numbers have the shape (S, 1).
    """
    T, B, _ = x.shape
    ends = np.full(B, T) if lengths is None else lengths
    valid = np.arange(T)[:, None] < ends  # (T, B)
    n = valid.sum(axis=1)[:, None] if per_step else np.array([[valid.sum()]])
    return valid[:, :, None], np.maximum(n, 1)
