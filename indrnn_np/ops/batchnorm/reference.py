"""Batch normalisation in plain NumPy; statistics are accumulated in float64."""

from __future__ import annotations

import numpy as np

from ... import _check


def forward(x, scale, shift, eps=1e-5, lengths=None, per_step=False, out=None):
    """Normalise each neuron by the statistics of this batch.

    Equation   y = scale ⊙ (x - mean) / √(var + eps) + shift,  Ioffe & Szegedy 2015, arXiv:1502.03167, algorithm 1
    Reads      x (T, B, H), scale (H,), shift (H,), lengths (B,) integers or None
    Returns    y (T, B, H) (it is `out` if given), mean (S, H), var (S, H): S = T if per_step else 1, var biased
    Raises     ValueError naming the array, what it has and what was expected; also if no value is counted
    """
    check("batchnorm.forward", x, lengths, out, scale=scale, shift=shift)
    mean, var = statistics(x, lengths, per_step)
    return apply(x, mean, var, scale, shift, eps, lengths, out), mean, var


def statistics(x, lengths=None, per_step=False):
    """Mean and variance of each neuron, over batch and time, or over the batch at each step.

    Reads      x (T, B, H), lengths (B,) integers or None
    Returns    mean (S, H), var (S, H): S = T if per_step else 1, var biased
    Raises     ValueError naming the array, what it has and what was expected; also if no value is counted
    """
    check("batchnorm.statistics", x, lengths)
    valid, n = counts(x, lengths, per_step)
    check_count("batchnorm.statistics", valid.sum(), lengths)
    axes = 1 if per_step else (0, 1)
    wide = np.result_type(x.dtype, np.float64)
    mean = np.sum(np.where(valid, x, 0), axis=axes, dtype=wide).reshape(len(n), -1) / n
    var = np.sum(np.where(valid, x - mean[:, None], 0) ** 2, axis=axes, dtype=wide).reshape(len(n), -1) / n
    return mean.astype(x.dtype), var.astype(x.dtype)


def backward(dy, x, mean, var, scale, eps=1e-5, lengths=None, per_step=False, out=None):
    """Carry the gradient back through the normalisation, its mean and its variance included.

    Reads      dy (T, B, H), x (T, B, H), mean and var (S, H) from forward, scale (H,)
    Returns    dx (T, B, H) (it is `out` if given), dscale (H,), dshift (H,)
    Raises     ValueError naming the array, what it has and what was expected
    """
    check("batchnorm.backward", x, lengths, out, mean=mean, var=var, scale=scale)
    check_gradient("batchnorm.backward", dy, x, mean, per_step)
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
    """Normalise by given statistics (inference).

    Reads      x (T, B, H), mean and var (S, H) with S = 1 or T, scale (H,), shift (H,)
    Returns    y (T, B, H) (it is `out` if given)
    Raises     ValueError naming the array, what it has and what was expected
    """
    check("batchnorm.apply", x, lengths, out, mean=mean, var=var, scale=scale, shift=shift)
    y = scale * ((x - mean[:, None]) / np.sqrt(var + eps)[:, None]) + shift
    y = np.where(counts(x, lengths, False)[0], y, 0).astype(x.dtype)
    if out is None:
        return y
    out[...] = y
    return out


def update(running_mean, running_var, mean, var, counts, t0, momentum):
    """Move running statistics towards those of a batch, in place.

    Equation   r ← (1 - momentum) r + momentum · batch, the variance of the batch as var · n / (n - 1)
    Reads      mean and var (S, H) from forward, counts (S,) integers: the n values of each; t0 steps came before
    Changes    row min(t0 + s, R - 1) of running_mean and running_var (R, H) for each s with counts[s] > 0; where
               several share the last row, the last of them counts
    Raises     ValueError naming the array, what it has and what was expected
    """
    check_update("batchnorm.update", running_mean, running_var, mean, var, counts)
    counted = counts > 0
    r = np.minimum(t0 + np.flatnonzero(counted), len(running_mean) - 1)
    unbiased = var * (counts / np.maximum(counts - 1, 1))[:, None]
    for running, batch in ((running_mean, mean), (running_var, unbiased)):
        running[r] = ((1 - momentum) * running[r] + momentum * batch[counted]).astype(running.dtype)


def rows(running, t0, T):
    """Running statistics of T steps, from step t0 on: what `apply` takes.

    Reads      running (R, H)
    Returns    (T, H): rows min(t0 + t, R - 1)
    """
    check_running("batchnorm.rows", running=running)
    return running[np.minimum(np.arange(t0, t0 + T), len(running) - 1)]


def counts(x, lengths, per_step):
    """Which rows count (T, B, 1), and the values of each statistic: n (S, 1), 1 for a step without samples."""
    T, B, _ = x.shape
    ends = np.full(B, T) if lengths is None else lengths
    valid = np.arange(T)[:, None] < ends  # (T, B)
    n = valid.sum(axis=1)[:, None] if per_step else np.array([[valid.sum()]])
    return valid[:, :, None], np.maximum(n, 1)


def check(where, x, lengths, out=None, **vectors):
    """The contract that all functions of x share with the twins: x, out, and vectors or statistics of H numbers."""
    _check.array(where, "x", x, 3, "(T, B, H): time, batch, units")
    T, B, H = x.shape
    _check.floats(where, _check.FLOATS, x=x, out=out, **vectors)
    rows = T if "mean" in vectors and len(vectors["mean"]) == T else 1
    for name, value in vectors.items():
        statistic = name in ("mean", "var")
        _check.array(where, name, value, 2 if statistic else 1, "(S, H)" if statistic else "(H,)")
        _check.matches(where, name, value, (rows, H) if statistic else (H,), "x", x)
    _check.lengths(where, lengths, T, B)
    if out is not None:
        _check.array(where, "out", out, 3, "(T, B, H)")
        _check.matches(where, "out", out, x.shape, "x", x)


def check_update(where, running_mean, running_var, mean, var, counts):
    """What update needs."""
    check_running(where, running_mean=running_mean, running_var=running_var)
    _check.array(where, "mean", mean, 2, "(S, H)")
    _check.array(where, "var", var, 2, "(S, H)")
    _check.array(where, "counts", counts, 1, "(S,)")
    _check.floats(where, _check.FLOATS, running_mean=running_mean, mean=mean, var=var)
    if counts.dtype.kind not in "iu":
        _check.fail(where, f"counts has dtype {counts.dtype}", "an integer dtype")
    _check.matches(where, "running_var", running_var, running_mean.shape, "running_mean", running_mean)
    _check.matches(where, "mean", mean, (len(mean), running_mean.shape[1]), "running_mean", running_mean)
    _check.matches(where, "var", var, mean.shape, "mean", mean)
    _check.matches(where, "counts", counts, mean.shape[:1], "mean", mean)


def check_running(where, **running):
    """Running statistics (R, H)."""
    for name, value in running.items():
        _check.array(where, name, value, 2, "(R, H)")
    _check.floats(where, _check.FLOATS, **running)


def check_gradient(where, dy, x, mean, per_step):
    """What backward needs besides."""
    _check.array(where, "dy", dy, 3, "(T, B, H)")
    _check.floats(where, _check.FLOATS, x=x, dy=dy)
    _check.matches(where, "dy", dy, x.shape, "x", x)
    rows = len(x) if per_step else 1
    _check.shape(
        where, "mean", mean, (rows, x.shape[2]), f"because per_step is {per_step} and x has shape {x.shape}"
    )


def check_count(where, count, lengths):
    """Statistics over no value at all are an error, not a NaN."""
    if count == 0:
        because = "" if lengths is None else "but every length is 0"
        _check.fail(where, "there is no value to take a statistic over", "at least one", because)
