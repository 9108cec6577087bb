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
    sum_dy = np.sum(dy, axis=axes, dtype=wide).reshape(len(n), -1)
    sum_dy_x_hat = np.sum(dy * x_hat, axis=axes, dtype=wide).reshape(len(n), -1)
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


def counts(x, lengths, per_step):
    """Which rows count (T, B, 1), and the values of each statistic: n (S, 1), 1 for a step without samples."""
    T, B, _ = x.shape
    ends = np.full(B, T) if lengths is None else lengths
    valid = np.arange(T)[:, None] < ends  # (T, B)
    n = valid.sum(axis=1)[:, None] if per_step else np.array([[valid.sum()]])
    return valid[:, :, None], np.maximum(n, 1)


def check(where, x, lengths, out=None, **vectors):
    """The contract that all three functions share with the twin: x, out, and vectors or statistics of H numbers."""
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
