"""CUDA kernels of batch normalisation that add the sums of segments: statistics, and gradients of scale and shift.

A group of `lanes` threads, 1 or a warp, owns one column of a statistic (_cuda/reduction.py). `total` holds two arrays
(S, G, H) of sums of G segments; the names are those of kernels.py.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from ..._cuda.launch import device, greater, kernel, lesser
from ..._cuda.reduction import LANES, column_sum
from ..._cuda.target import cuda


@device
def count_valid(s, N, ends, padded):
    """Return the number of valid rows of statistic s."""
    if not padded or N == 0:
        return N
    n, steps = 0, N // ends.size
    for b in range(ends.size):
        n += lesser(greater(ends[b] - s * steps, 0), steps)
    return n


@functools.cache
def statistics_kernel(lanes):
    """mean = pivot + Σ d / n,  var = (Σ d² - (Σ d)² / n) / n;  0 where n = 0."""

    @kernel("float64[::1], real[::1], int64, int64, int64, int64, int64[::1], boolean, real[::1], real[::1]",
            f"batchnorm.statistics[{lanes}]")  # fmt: skip
    def statistics(total, x, N, H, G, pivot, ends, padded, mean, var):
        j, lane = cuda.grid(1) // lanes, cuda.grid(1) % lanes
        if j >= mean.size:
            return
        shared_first = cuda.shared.array(
            lanes, np.float64
        )  # separate lines: the simulator identifies arrays by line
        shared_second = cuda.shared.array(lanes, np.float64)
        s = j // H
        h, p = j - s * H, s * G * H + j - s * H
        first = column_sum(total, p, H, G, lane, lanes, shared_first)
        second = column_sum(total, total.size // 2 + p, H, G, lane, lanes, shared_second)
        if lane > 0:
            return
        n = count_valid(s, N, ends, padded)
        if n == 0:
            mean[j] = var[j] = x.dtype.type(0)
            return
        mean[j] = np.float64(x[np.uint64((s * N + pivot) * H + h)]) + first / n
        var[j] = (second - first * (first / n)) / n

    return statistics


@functools.cache
def gradients_kernel(lanes):
    """sums = Σ dy x̂ and Σ dy;  slopes = rstd Σ dy x̂ / n and Σ dy / n."""

    @kernel("float64[::1], real[::1], real, int64, int64, int64, int64[::1], boolean, real[::1], real[::1]",
            f"batchnorm.gradients[{lanes}]")  # fmt: skip
    def gradients(total, var, eps, N, H, G, ends, padded, sums, slopes):
        j, lane = cuda.grid(1) // lanes, cuda.grid(1) % lanes
        if j >= var.size:
            return
        shared_dy = cuda.shared.array(lanes, np.float64)
        shared_dy_x = cuda.shared.array(lanes, np.float64)
        s = j // H
        p = s * G * H + j - s * H
        sum_dy = column_sum(total, p, H, G, lane, lanes, shared_dy)
        sum_dy_x = column_sum(total, total.size // 2 + p, H, G, lane, lanes, shared_dy_x)
        if lane > 0:
            return
        n, rstd = greater(count_valid(s, N, ends, padded), 1), 1.0 / math.sqrt(np.float64(var[j] + eps))
        sum_dy_x_hat = rstd * sum_dy_x
        sums[j], sums[var.size + j] = sum_dy_x_hat, sum_dy
        slopes[j], slopes[var.size + j] = rstd * (sum_dy_x_hat / n), sum_dy / n

    return gradients


@functools.cache
def column_sums_kernel(lanes):
    """gradients = the sums over the statistics of the two arrays (S, H) in `sums`."""

    @kernel("real[::1], int64, int64, real[::1]", f"batchnorm.column_sums[{lanes}]")
    def column_sums(sums, S, H, gradients):
        h, lane = cuda.grid(1) // lanes, cuda.grid(1) % lanes
        if h >= H:
            return
        shared_scale = cuda.shared.array(lanes, np.float64)
        shared_shift = cuda.shared.array(lanes, np.float64)
        scale = column_sum(sums, h, H, S, lane, lanes, shared_scale)
        shift = column_sum(sums, S * H + h, H, S, lane, lanes, shared_shift)
        if lane == 0:
            gradients[h], gradients[H + h] = scale, shift

    return column_sums


def kernels():
    """Yield every kernel in every variant."""
    for kernel_of in (statistics_kernel, gradients_kernel, column_sums_kernel):
        yield from map(kernel_of, LANES)
