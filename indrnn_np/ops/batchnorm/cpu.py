"""Compiled twin of reference.py: each pass reads each array once.

Time is cut into `SEGMENTS` segments for any number of threads, so no bit depends on that number.
Two passes over each block, which is in cache, compute its mean and its centred squares. Blocks and
segments are joined in float64 (Chan, Golub & LeVeque 1983), so one pass over memory is as exact as
two. Gradient sums run in the arrays' dtype within a block and in float64 across blocks. With
`per_step`, a segment is a time step. Sums add four rows at a time: a quarter of the traffic.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from ... import _check
from ..._cpu import arrays
from ..._cpu.jit import AS_WRITTEN, njit
from ..._cpu.threads import parallel_for
from . import contract, reference

SEGMENTS = 16
BLOCK_ROWS = 64  # rows of H elements that stay in the L1 or L2 cache for two passes

update, rows = reference.update, reference.rows  # the arrays are small: (S, H)


def forward(x, scale, shift, eps=1e-5, lengths=None, per_step=False, out=None):
    """Twin of reference.forward."""
    contract.check_forward("batchnorm.forward", x, scale, shift, eps, lengths, per_step, out)
    mean, var = _statistics("batchnorm.forward", x, lengths, per_step)
    return apply(x, mean, var, scale, shift, eps, lengths, out), mean, var


def statistics(x, lengths=None, per_step=False):
    """Twin of reference.statistics."""
    contract.check_statistics("batchnorm.statistics", x, lengths, per_step)
    return _statistics("batchnorm.statistics", x, lengths, per_step)


def _statistics(where, x, lengths, per_step):
    _check.floats(where, x=x)
    T, B, H = x.shape
    ends, edges = _ends(lengths, T, B), _segments(T, per_step)
    n, (mean, square) = np.zeros(len(edges) - 1), np.zeros((2, len(edges) - 1, H))
    parallel_for(len(n), x.size, partial(_moments, x, ends, edges, n, mean, square), grain=1)
    if not per_step:
        for k in range(1, len(n)):
            _join(mean[k], square[k], n[k], n[0], mean[0], square[0])
            n[0] += n[k]
        n, mean, square = n[:1], mean[:1], square[:1]
    return mean.astype(x.dtype), (square / np.maximum(n, 1)[:, None]).astype(x.dtype)


def backward(dy, x, mean, var, scale, eps=1e-5, lengths=None, per_step=False, out=None):
    """Twin of reference.backward."""
    contract.check_backward("batchnorm.backward", dy, x, mean, var, scale, eps, lengths, per_step, out)
    _check.floats("batchnorm.backward", x=x)
    dx = arrays.empty_like(x) if out is None else out
    rstd = 1 / np.sqrt(var + x.dtype.type(eps))
    ends, sum_dy, sum_dy_x = gradient_sums(dy, x, mean, lengths, per_step)
    sum_dy_x_hat = sum_dy_x * rstd
    n = reference.counts(x, lengths, per_step)[1]
    factor, mean_dy = scale * rstd, (sum_dy / n).astype(x.dtype)
    slope = (rstd * (sum_dy_x_hat / n)).astype(x.dtype)  # x̂ mean(dy x̂) = (x - mean) slope
    parallel_for(len(x), x.size, partial(_input_gradient, dy, x, mean, factor, mean_dy, slope, ends, dx))
    return dx, sum_dy_x_hat.sum(axis=0).astype(x.dtype), sum_dy.sum(axis=0).astype(x.dtype)


def gradient_sums(dy, x, mean, lengths, per_step):
    """Return the ends (B,), and Σ dy and Σ dy (x - mean) (S, H) in float64, without padding."""
    edges, ends = _segments(len(x), per_step), _ends(lengths, *x.shape[:2])
    sums = np.zeros((2, len(edges) - 1, x.shape[2]))
    parallel_for(len(edges) - 1, x.size, partial(_sums, dy, x, mean, ends, edges, *sums), grain=1)
    return ends, *(sums if per_step else sums.sum(axis=1, keepdims=True))


def apply(x, mean, var, scale, shift, eps=1e-5, lengths=None, out=None):
    """Twin of reference.apply."""
    contract.check_apply("batchnorm.apply", x, mean, var, scale, shift, eps, lengths, out)
    _check.floats("batchnorm.apply", x=x)
    T, B, _ = x.shape
    y = arrays.empty_like(x) if out is None else out
    factor, ends = scale / np.sqrt(var + x.dtype.type(eps)), _ends(lengths, T, B)
    parallel_for(T, x.size, partial(_scale_and_shift, x, mean, factor, shift, ends, y))
    return y


def _ends(lengths, T, B):
    """Return the number of valid time steps of each sample as int64 (B,)."""
    return np.full(B, T) if lengths is None else lengths.astype(np.int64)


def _segments(T, per_step):
    """Return the edges of the segments: the start of each, and the end of the last."""
    return np.arange(T + 1) if per_step else np.arange(SEGMENTS + 1) * T // SEGMENTS


@njit
def _moments(x, ends, edges, n, mean, square, k0, k1):
    """Fill n, mean and the sums of centred squares, all float64 and zero, of segments k0 to k1."""
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
    """Set total to Σ x over the valid rows of time steps t0 to t1; return the number of rows."""
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
    """Set deviation to Σ (x - centre) and square to Σ (x - centre)² over the same rows."""
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


@njit(rounding=AS_WRITTEN)
def _join_block(centre, deviation, squares, count, n, mean, square):
    """Join a block of `count` rows to the n previous rows (Chan, Golub & LeVeque).

    The mean of equal values is their value: delta is zero for all blocks except the first, whose
    quotient is one.
    """
    for j in range(len(mean)):
        correction = np.float64(deviation[j]) / count  # rounding error of centre, the mean of the block
        delta = np.float64(centre[j]) + correction - mean[j]
        mean[j] += delta * (count / (n + count))
        square[j] += squares[j] - count * correction * correction + delta * delta * count * n / (n + count)


def _join(mean_k, square_k, n_k, n, mean, square):
    """Join the n_k rows of a segment to the n previous rows, in the same way."""
    if n_k > 0:
        delta = mean_k - mean
        mean += delta * (n_k / (n + n_k))
        square += square_k + delta * delta * n_k * n / (n + n_k)


@njit
def _scale_and_shift(x, mean, factor, shift, ends, y, t0, t1):
    """Set y to (x - mean) factor + shift for time steps t0 to t1, to zero in padding."""
    for t in range(t0, t1):
        row = t if len(mean) > 1 else 0
        for b in range(x.shape[1]):
            if t < ends[b]:
                for j in range(x.shape[2]):
                    y[t, b, j] = (x[t, b, j] - mean[row, j]) * factor[row, j] + shift[j]
            else:
                y[t, b] = x.dtype.type(0)


@njit
def _sums(dy, x, mean, ends, edges, sum_dy, sum_dy_x, k0, k1):
    """Add Σ dy and Σ dy (x - mean) of segments k0 to k1 to float64 arrays (K, H)."""
    B, H = x.shape[1], x.shape[2]
    dy_sum, dy_x_sum = np.zeros(H, x.dtype), np.zeros(H, x.dtype)
    steps = max(1, BLOCK_ROWS // max(1, B))
    for k in range(k0, k1):
        row = k if len(mean) > 1 else 0
        for t0 in range(edges[k], edges[k + 1], steps):
            for t in range(t0, min(t0 + steps, edges[k + 1])):
                _add_gradients(dy, x, mean, row, ends, t, dy_sum, dy_x_sum)
            for j in range(H):
                sum_dy[k, j] += dy_sum[j]
                sum_dy_x[k, j] += dy_x_sum[j]
                dy_sum[j] = x.dtype.type(0)
                dy_x_sum[j] = x.dtype.type(0)


@njit
def _add_gradients(dy, x, mean, row, ends, t, dy_sum, dy_x_sum):
    """Add Σ dy and Σ dy (x - mean) over the samples of time step t."""
    B, H, b = x.shape[1], x.shape[2], 0
    while b < B:
        if b + 4 <= B and t < min(ends[b], ends[b + 1], ends[b + 2], ends[b + 3]):
            for j in range(H):
                m = mean[row, j]
                p, q, r, s = dy[t, b, j], dy[t, b + 1, j], dy[t, b + 2, j], dy[t, b + 3, j]
                dy_sum[j] += (p + q) + (r + s)
                dy_x_sum[j] += (p * (x[t, b, j] - m) + q * (x[t, b + 1, j] - m)) + (
                    r * (x[t, b + 2, j] - m) + s * (x[t, b + 3, j] - m)
                )
            b += 4
            continue
        if t < ends[b]:
            for j in range(H):
                dy_sum[j] += dy[t, b, j]
                dy_x_sum[j] += dy[t, b, j] * (x[t, b, j] - mean[row, j])
        b += 1


@njit
def _input_gradient(dy, x, mean, factor, mean_dy, slope, ends, dx, t0, t1):
    """Set dx to factor (dy - mean_dy - (x - mean) slope) for steps t0 to t1, to zero in padding."""
    for t in range(t0, t1):
        row = t if len(mean) > 1 else 0
        for b in range(x.shape[1]):
            if t < ends[b]:
                for j in range(x.shape[2]):
                    rest = mean_dy[row, j] + (x[t, b, j] - mean[row, j]) * slope[row, j]
                    dx[t, b, j] = factor[row, j] * (dy[t, b, j] - rest)
            else:
                dx[t, b] = x.dtype.type(0)
