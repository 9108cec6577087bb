"""Compiled twin of reference.py: each array is read once a pass.

Time is cut into `SEGMENTS` pieces, however many threads share them, so no bit depends on their number. Within a segment
the statistics are taken block by block: two passes over a block in cache (its mean, then its centred squares), and
blocks and segments joined in float64 (Chan, Golub & LeVeque 1983), so one pass over memory is as exact as two. Gradient
sums run in the arrays' dtype within a block and in float64 across blocks. Statistics per step are segments of a step.

Rows of H numbers are short, so sums take four at a time: the totals are then read and written a quarter as often.
"""

from __future__ import annotations

import numpy as np

from ... import _arrays, _check
from ..._numba import njit
from ..._threads import over
from . import reference

SEGMENTS = 16
BLOCK_ROWS = 64  # rows of H numbers that two passes find in the L1 or L2 cache

update, rows = reference.update, reference.rows  # as large as the statistics, not as x


def forward(x, scale, shift, eps=1e-5, lengths=None, per_step=False, out=None):
    """Twin of reference.forward."""
    reference.check("batchnorm.forward", x, lengths, out, scale=scale, shift=shift)
    mean, var = _statistics("batchnorm.forward", x, lengths, per_step)
    return apply(x, mean, var, scale, shift, eps, lengths, out), mean, var


def statistics(x, lengths=None, per_step=False):
    """Twin of reference.statistics."""
    reference.check("batchnorm.statistics", x, lengths)
    return _statistics("batchnorm.statistics", x, lengths, per_step)


def _statistics(where, x, lengths, per_step):
    _check.floats(where, x=x)
    T, B, H = x.shape
    ends, edges = _ends(lengths, T, B), _segments(T, per_step)
    reference.check_count(where, ends.sum(), lengths)
    n, (mean, square) = np.zeros(len(edges) - 1), np.zeros((2, len(edges) - 1, H))
    over(len(n), x.size, lambda k0, k1: _moments(x, ends, edges, k0, k1, n, mean, square), grain=1)
    if not per_step:
        for k in range(1, len(n)):
            _join(mean[k], square[k], n[k], n[0], mean[0], square[0])
            n[0] += n[k]
        n, mean, square = n[:1], mean[:1], square[:1]
    return mean.astype(x.dtype), (square / np.maximum(n, 1)[:, None]).astype(x.dtype)


def backward(dy, x, mean, var, scale, eps=1e-5, lengths=None, per_step=False, out=None):
    """Twin of reference.backward."""
    reference.check("batchnorm.backward", x, lengths, out, mean=mean, var=var, scale=scale)
    reference.check_gradient("batchnorm.backward", dy, x, mean, per_step)
    _check.floats("batchnorm.backward", x=x)
    T, B, H = x.shape
    ends, edges = _ends(lengths, T, B), _segments(T, per_step)
    dx = _arrays.empty_like(x) if out is None else out
    rstd = 1 / np.sqrt(var + x.dtype.type(eps))
    sum_dy, sum_dy_x_hat = np.zeros((2, len(edges) - 1, H))
    over(
        len(sum_dy),
        x.size,
        lambda k0, k1: _sums(dy, x, mean, ends, edges, k0, k1, sum_dy, sum_dy_x_hat),
        grain=1,
    )
    if not per_step:
        sum_dy, sum_dy_x_hat = sum_dy.sum(axis=0, keepdims=True), sum_dy_x_hat.sum(axis=0, keepdims=True)
    sum_dy_x_hat = sum_dy_x_hat * rstd
    n = reference.counts(x, lengths, per_step)[1]
    factor, mean_dy = scale * rstd, (sum_dy / n).astype(x.dtype)
    slope = (rstd * (sum_dy_x_hat / n)).astype(x.dtype)  # x̂ mean(dy x̂) = (x - mean) slope
    over(T, x.size, lambda t0, t1: _input_gradient(dy, x, mean, factor, mean_dy, slope, ends, dx, t0, t1))
    return dx, sum_dy_x_hat.sum(axis=0).astype(x.dtype), sum_dy.sum(axis=0).astype(x.dtype)


def apply(x, mean, var, scale, shift, eps=1e-5, lengths=None, out=None):
    """Twin of reference.apply."""
    reference.check("batchnorm.apply", x, lengths, out, mean=mean, var=var, scale=scale, shift=shift)
    _check.floats("batchnorm.apply", x=x)
    T, B, _ = x.shape
    y = _arrays.empty_like(x) if out is None else out
    factor, ends = scale / np.sqrt(var + x.dtype.type(eps)), _ends(lengths, T, B)
    over(T, x.size, lambda t0, t1: _scale_and_shift(x, mean, factor, shift, ends, y, t0, t1))
    return y


def _ends(lengths, T, B):
    return np.full(B, T) if lengths is None else lengths.astype(np.int64)


def _segments(T, per_step):
    """Where the segments start, and the end of the last one."""
    return np.arange(T + 1) if per_step else np.arange(SEGMENTS + 1) * T // SEGMENTS


@njit
def _moments(x, ends, edges, k0, k1, n, mean, square):
    """Fill n (K,), mean and the sum of centred squares (K, H) of segments k0 to k1, all float64 and zero on entry."""
    B, H = x.shape[1], x.shape[2]
    total, centre, squares = np.zeros(H, x.dtype), np.zeros(H, x.dtype), np.zeros(H, x.dtype)
    steps = max(1, BLOCK_ROWS // max(1, B))
    for k in range(k0, k1):
        for t0 in range(edges[k], edges[k + 1], steps):
            t1 = min(t0 + steps, edges[k + 1])
            count = _add_rows(x, ends, t0, t1, total)
            if count > 0:
                for j in range(H):
                    centre[j] = total[j] / x.dtype.type(count)
                _add_deviations(x, centre, ends, t0, t1, total, squares)
                _join_block(centre, total, squares, count, n[k], mean[k], square[k])
                n[k] += count


@njit
def _add_rows(x, ends, t0, t1, total):
    """total = Σ x over the rows of steps t0 to t1 that count; returns how many they are."""
    B, H, count = x.shape[1], x.shape[2], 0
    total[:] = x.dtype.type(0)
    for t in range(t0, t1):
        b = 0
        while b < B:
            if b + 4 <= B and t < min(ends[b], ends[b + 1], ends[b + 2], ends[b + 3]):
                for j in range(H):
                    total[j] += (x[t, b, j] + x[t, b + 1, j]) + (x[t, b + 2, j] + x[t, b + 3, j])
                count, b = count + 4, b + 4
                continue
            if t < ends[b]:
                for j in range(H):
                    total[j] += x[t, b, j]
                count += 1
            b += 1
    return count


@njit
def _add_deviations(x, centre, ends, t0, t1, deviation, square):
    """deviation = Σ (x - centre) and square = Σ (x - centre)² over the same rows."""
    B, H = x.shape[1], x.shape[2]
    deviation[:] = x.dtype.type(0)
    square[:] = x.dtype.type(0)
    for t in range(t0, t1):
        b = 0
        while b < B:
            if b + 4 <= B and t < min(ends[b], ends[b + 1], ends[b + 2], ends[b + 3]):
                for j in range(H):
                    p, q = x[t, b, j] - centre[j], x[t, b + 1, j] - centre[j]
                    r, s = x[t, b + 2, j] - centre[j], x[t, b + 3, j] - centre[j]
                    deviation[j] += (p + q) + (r + s)
                    square[j] += (p * p + q * q) + (r * r + s * s)
                b += 4
                continue
            if t < ends[b]:
                for j in range(H):
                    d = x[t, b, j] - centre[j]
                    deviation[j] += d
                    square[j] += d * d
            b += 1


@njit
def _join_block(centre, deviation, squares, count, n, mean, square):
    """Join a block of `count` rows to the n rows before it (Chan, Golub & LeVeque)."""
    for j in range(len(mean)):
        correction = (
            np.float64(deviation[j]) / count
        )  # what rounding left between centre and the block's mean
        delta = np.float64(centre[j]) + correction - mean[j]
        mean[j] += delta * count / (n + count)
        square[j] += squares[j] - count * correction * correction + delta * delta * count * n / (n + count)


def _join(mean_k, square_k, n_k, n, mean, square):
    """The same for a segment: its n_k rows to the n before it."""
    if n_k > 0:
        delta = mean_k - mean
        mean += delta * n_k / (n + n_k)
        square += square_k + delta * delta * n_k * n / (n + n_k)


@njit
def _scale_and_shift(x, mean, factor, shift, ends, y, t0, t1):
    """y = (x - mean) factor + shift for steps t0 to t1, zero in padding; mean and factor (S, H)."""
    for t in range(t0, t1):
        row = t if len(mean) > 1 else 0
        for b in range(x.shape[1]):
            if t < ends[b]:
                for j in range(x.shape[2]):
                    y[t, b, j] = (x[t, b, j] - mean[row, j]) * factor[row, j] + shift[j]
            else:
                y[t, b] = x.dtype.type(0)


@njit
def _sums(dy, x, mean, ends, edges, k0, k1, sum_dy, sum_dy_x):
    """Σ dy and Σ dy (x - mean) of segments k0 to k1 into float64 (K, H), zero on entry."""
    B, H = x.shape[1], x.shape[2]
    first, second = np.zeros(H, x.dtype), np.zeros(H, x.dtype)
    steps = max(1, BLOCK_ROWS // max(1, B))
    for k in range(k0, k1):
        row = k if len(mean) > 1 else 0
        for t0 in range(edges[k], edges[k + 1], steps):
            for t in range(t0, min(t0 + steps, edges[k + 1])):
                _add_gradients(dy, x, mean, row, ends, t, first, second)
            for j in range(H):
                sum_dy[k, j] += first[j]
                sum_dy_x[k, j] += second[j]
                first[j] = x.dtype.type(0)
                second[j] = x.dtype.type(0)


@njit
def _add_gradients(dy, x, mean, row, ends, t, first, second):
    """Add Σ dy and Σ dy (x - mean) of the samples of step t."""
    B, H, b = x.shape[1], x.shape[2], 0
    while b < B:
        if b + 4 <= B and t < min(ends[b], ends[b + 1], ends[b + 2], ends[b + 3]):
            for j in range(H):
                m = mean[row, j]
                p, q, r, s = dy[t, b, j], dy[t, b + 1, j], dy[t, b + 2, j], dy[t, b + 3, j]
                first[j] += (p + q) + (r + s)
                second[j] += (p * (x[t, b, j] - m) + q * (x[t, b + 1, j] - m)) + (
                    r * (x[t, b + 2, j] - m) + s * (x[t, b + 3, j] - m)
                )
            b += 4
            continue
        if t < ends[b]:
            for j in range(H):
                first[j] += dy[t, b, j]
                second[j] += dy[t, b, j] * (x[t, b, j] - mean[row, j])
        b += 1


@njit
def _input_gradient(dy, x, mean, factor, mean_dy, slope, ends, dx, t0, t1):
    """dx = factor (dy - mean_dy - (x - mean) slope) for steps t0 to t1, zero in padding."""
    for t in range(t0, t1):
        row = t if len(mean) > 1 else 0
        for b in range(x.shape[1]):
            if t < ends[b]:
                for j in range(x.shape[2]):
                    rest = mean_dy[row, j] + (x[t, b, j] - mean[row, j]) * slope[row, j]
                    dx[t, b, j] = factor[row, j] * (dy[t, b, j] - rest)
            else:
                dx[t, b] = x.dtype.type(0)
