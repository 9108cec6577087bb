"""Compiled twin of reference.py: each array is read once a pass.

The statistics are taken block by block of a few steps: two passes over a block in cache (its mean, then its
centred squares), and the blocks joined in float64 (Chan, Golub & LeVeque 1983), so one pass over memory is
as exact as two. Gradient sums run in the arrays' dtype within a block and in float64 across blocks.
"""

from __future__ import annotations

import numpy as np

from ... import _check
from ..._numba import njit
from ..._threads import over
from . import reference

BLOCK_ROWS = 64  # rows of H numbers that two passes find in the L1 or L2 cache


def forward(x, scale, shift, eps=1e-5, lengths=None, per_step=False, out=None):
    """Twin of reference.forward."""
    reference.check("batchnorm.forward", x, lengths, out, scale=scale, shift=shift)
    _check.floats("batchnorm.forward", x=x)
    T, B, H = x.shape
    ends = _ends(lengths, T, B)
    reference.check_count("batchnorm.forward", ends.sum(), lengths)
    mean, var = np.zeros((2, T if per_step else 1, H))
    block = _block(B, per_step)
    over(H, x.size, lambda j0, j1: _moments(x, ends, block, per_step, mean, var, j0, j1))
    mean, var = mean.astype(x.dtype), var.astype(x.dtype)
    return apply(x, mean, var, scale, shift, eps, lengths, out), mean, var


def backward(dy, x, mean, var, scale, eps=1e-5, lengths=None, per_step=False, out=None):
    """Twin of reference.backward."""
    reference.check("batchnorm.backward", x, lengths, out, mean=mean, var=var, scale=scale)
    reference.check_gradient("batchnorm.backward", dy, x, mean, per_step)
    _check.floats("batchnorm.backward", x=x)
    T, B, H = x.shape
    ends = _ends(lengths, T, B)
    dx = np.empty_like(x) if out is None else out
    rstd = 1 / np.sqrt(var + x.dtype.type(eps))
    sum_dy, sum_dy_x_hat = np.zeros((2, len(mean), H))
    n, block = reference.counts(x, lengths, per_step)[1], _block(B, per_step)
    over(H, x.size, lambda j0, j1: _sums(dy, x, mean, rstd, ends, block, sum_dy, sum_dy_x_hat, j0, j1))
    means = [(total / n).astype(x.dtype) for total in (sum_dy, sum_dy_x_hat)]
    over(T, x.size, lambda t0, t1: _input_gradient(dy, x, mean, rstd, scale, *means, ends, dx, t0, t1))
    return dx, sum_dy_x_hat.sum(axis=0).astype(x.dtype), sum_dy.sum(axis=0).astype(x.dtype)


def apply(x, mean, var, scale, shift, eps=1e-5, lengths=None, out=None):
    """Twin of reference.apply."""
    reference.check("batchnorm.apply", x, lengths, out, mean=mean, var=var, scale=scale, shift=shift)
    _check.floats("batchnorm.apply", x=x)
    T, B, _ = x.shape
    y = np.empty_like(x) if out is None else out
    factor, ends = scale / np.sqrt(var + x.dtype.type(eps)), _ends(lengths, T, B)
    over(T, x.size, lambda t0, t1: _scale_and_shift(x, mean, factor, shift, ends, y, t0, t1))
    return y


def _ends(lengths, T, B):
    return np.full(B, T) if lengths is None else lengths.astype(np.int64)


def _block(B, per_step):
    """Steps a block: one where each step has its own statistics, else about `BLOCK_ROWS` rows."""
    return 1 if per_step else max(1, BLOCK_ROWS // max(1, B))


@njit
def _moments(x, ends, block, per_step, mean, var, j0, j1):
    """Fill mean and var (S, H) for neurons j0 to j1, both float64 and zero on entry."""
    T, H = len(x), j1 - j0
    total, centre, square = np.zeros(H, x.dtype), np.zeros(H, x.dtype), np.zeros(H, x.dtype)
    n = 0
    for t0 in range(0, T, block):
        t1 = min(t0 + block, T)
        row = t0 if per_step else 0
        count = _add_rows(x, ends, t0, t1, j0, j1, total)
        if count == 0:
            continue
        for j in range(H):
            centre[j] = total[j] / x.dtype.type(count)
        _add_deviations(x, centre, ends, t0, t1, j0, j1, total, square)
        n = count if per_step else n + count
        _join(centre, total, square, count, n, mean[row, j0:j1], var[row, j0:j1])
        if per_step:
            var[row, j0:j1] /= n
    if not per_step:
        var[0, j0:j1] /= n


@njit
def _add_rows(x, ends, t0, t1, j0, j1, total):
    """total = Σ x over the rows of steps t0 to t1 that count; returns how many they are."""
    count = 0
    total[:] = x.dtype.type(0)
    for t in range(t0, t1):
        for b in range(x.shape[1]):
            if t < ends[b]:
                count += 1
                x_t = x[t, b, j0:j1]
                for j in range(len(x_t)):
                    total[j] += x_t[j]
    return count


@njit
def _add_deviations(x, centre, ends, t0, t1, j0, j1, deviation, square):
    """deviation = Σ (x - centre) and square = Σ (x - centre)² over the same rows."""
    deviation[:] = x.dtype.type(0)
    square[:] = x.dtype.type(0)
    for t in range(t0, t1):
        for b in range(x.shape[1]):
            if t < ends[b]:
                x_t = x[t, b, j0:j1]
                for j in range(len(x_t)):
                    d = x_t[j] - centre[j]
                    deviation[j] += d
                    square[j] += d * d


@njit
def _join(centre, deviation, square, count, n, mean, var):
    """Join a block to what came before it (Chan, Golub & LeVeque); n counts both. var is still a sum of squares."""
    for j in range(len(mean)):
        correction = (
            np.float64(deviation[j]) / count
        )  # what rounding left between centre and the block's mean
        delta = np.float64(centre[j]) + correction - mean[j]
        mean[j] += delta * count / n
        var[j] += square[j] - count * correction * correction + delta * delta * count * (n - count) / n


@njit
def _scale_and_shift(x, mean, factor, shift, ends, y, t0, t1):
    """y = (x - mean) factor + shift for steps t0 to t1, zero in padding; mean and factor (S, H)."""
    for t in range(t0, t1):
        row = t if len(mean) > 1 else 0
        m, f = mean[row], factor[row]
        for b in range(x.shape[1]):
            x_t, y_t = x[t, b], y[t, b]
            if t < ends[b]:
                for j in range(len(x_t)):
                    y_t[j] = (x_t[j] - m[j]) * f[j] + shift[j]
            else:
                y_t[:] = x.dtype.type(0)


@njit
def _sums(dy, x, mean, rstd, ends, block, sum_dy, sum_dy_x_hat, j0, j1):
    """Add Σ dy and Σ dy x̂ of neurons j0 to j1 into float64 (S, H)."""
    T, B, _ = x.shape
    first, second = np.zeros(j1 - j0, x.dtype), np.zeros(j1 - j0, x.dtype)
    for t0 in range(0, T, block):
        row = t0 if len(mean) > 1 else 0
        m, r = mean[row, j0:j1], rstd[row, j0:j1]
        first[:] = x.dtype.type(0)
        second[:] = x.dtype.type(0)
        for t in range(t0, min(t0 + block, T)):
            for b in range(B):
                if t < ends[b]:
                    x_t, dy_t = x[t, b, j0:j1], dy[t, b, j0:j1]
                    for j in range(len(x_t)):
                        first[j] += dy_t[j]
                        second[j] += dy_t[j] * (x_t[j] - m[j])
        to_dy, to_dy_x_hat = sum_dy[row, j0:j1], sum_dy_x_hat[row, j0:j1]
        for j in range(len(m)):
            to_dy[j] += first[j]
            to_dy_x_hat[j] += np.float64(second[j]) * np.float64(r[j])


@njit
def _input_gradient(dy, x, mean, rstd, scale, mean_dy, mean_dy_x_hat, ends, dx, t0, t1):
    """dx = scale rstd (dy - mean_dy - x̂ mean_dy_x_hat) for steps t0 to t1, zero in padding."""
    for t in range(t0, t1):
        row = t if len(mean) > 1 else 0
        m, r, m_dy, m_dy_x_hat = mean[row], rstd[row], mean_dy[row], mean_dy_x_hat[row]
        for b in range(x.shape[1]):
            x_t, dy_t, dx_t = x[t, b], dy[t, b], dx[t, b]
            if t < ends[b]:
                for j in range(len(x_t)):
                    x_hat = (x_t[j] - m[j]) * r[j]
                    dx_t[j] = scale[j] * r[j] * (dy_t[j] - m_dy[j] - x_hat * m_dy_x_hat[j])
            else:
                dx_t[:] = x.dtype.type(0)
