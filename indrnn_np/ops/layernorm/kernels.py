"""CUDA kernels of layer normalisation. cuda.py launches them.

A group of `lanes` threads, 1 or a warp, shares the H units of a row; neighbouring threads have
neighbouring units. A thread adds AHEAD elements in the arrays' dtype and these sums in float64. Each
thread writes its sum to shared memory, and all threads add the sums in the same order, in the
arrays' dtype. The first element of the row, the pivot, is subtracted, so rows far from 0 lose no
precision. The pivot is 0 if that element is not finite.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from ..._cuda.launch import device, kernel, lesser
from ..._cuda.target import WARP, cuda

GROUPS = 2**16  # groups of threads, at most
AHEAD = 4  # elements whose loads are in flight


@device
def load(array, start, unit, lanes, H, offset, ahead):
    """ahead[k] = unit number unit + k · lanes of the row at `start`, minus `offset`; 0 beyond the end."""
    for k in range(AHEAD):
        i = unit + k * lanes
        value = array[np.uint64(start + lesser(i, H - 1))]
        ahead[k] = value - offset if i < H else ahead.dtype.type(0)


@device
def sum_of(x, start, pivot, lane, lanes, H):
    """Return Σ (x - pivot) over the units of one thread."""
    ahead, total, unit = cuda.local.array(AHEAD, x.dtype), np.float64(0), lane
    while unit < H:
        load(x, start, unit, lanes, H, pivot, ahead)
        part = x.dtype.type(0)
        for k in range(AHEAD):
            part += ahead[k]
        total += part
        unit += AHEAD * lanes
    return total


@device
def squares_of(x, start, pivot, centre, lane, lanes, H):
    """Return Σ ((x - pivot) - centre)² over the units of one thread."""
    ahead, total, unit = cuda.local.array(AHEAD, x.dtype), np.float64(0), lane
    while unit < H:
        load(x, start, unit, lanes, H, pivot, ahead)
        part = x.dtype.type(0)
        for k in range(AHEAD):
            deviation = ahead[k] - centre if unit + k * lanes < H else x.dtype.type(0)
            part += deviation * deviation
        total += part
        unit += AHEAD * lanes
    return total


@device
def gradient_sums_of(dy, x, scale, start, centre, factor, lane, lanes, H):
    """Return Σ g and Σ g x̂ over the units of one thread."""
    ahead_x, ahead_dy = cuda.local.array(AHEAD, x.dtype), cuda.local.array(AHEAD, x.dtype)
    ahead_scale, zero = cuda.local.array(AHEAD, x.dtype), x.dtype.type(0)
    sum_g, sum_g_x_hat, unit = np.float64(0), np.float64(0), lane
    while unit < H:
        load(x, start, unit, lanes, H, centre, ahead_x)
        load(dy, start, unit, lanes, H, zero, ahead_dy)
        load(scale, 0, unit, lanes, H, zero, ahead_scale)
        part_g, part_g_x_hat = zero, zero
        for k in range(AHEAD):
            g = ahead_scale[k] * ahead_dy[k]
            part_g += g
            part_g_x_hat += g * (ahead_x[k] * factor)
        sum_g += part_g
        sum_g_x_hat += part_g_x_hat
        unit += AHEAD * lanes
    return sum_g, sum_g_x_hat


@device
def reduce(value, lane, lanes, shared):
    """Return the sum over the threads of a group, in the dtype of `shared`."""
    if lanes == 1:  # the block has other groups, so it must not use shared memory
        return shared.dtype.type(value)
    shared[lane] = value
    cuda.syncthreads()
    total = shared.dtype.type(0)
    for i in range(lanes):
        total += shared[i]
    return total


@functools.cache
def normalise_kernel(lanes):
    """y = scale (x - mean) rstd + shift,  mean = Σ x / H,  rstd = 1 / √(Σ (x - mean)² / H + eps) of each row.

    A group of threads owns every GROUPS-th row. It moves 4 words an element, of which 2 reads are from the cache.
    """

    @kernel("real[::1], real[::1], real[::1], real, real[::1], real[::1], real[::1]",
            f"layernorm.normalise[{lanes}]")  # fmt: skip
    def normalise(x, scale, shift, eps, y, mean, rstd):
        groups, group, lane = lesser(GROUPS, mean.size), cuda.grid(1) // lanes, cuda.grid(1) % lanes
        if group >= groups:
            return
        sums = cuda.shared.array(lanes, x.dtype)  # separate lines: the simulator identifies arrays by line
        squares = cuda.shared.array(lanes, x.dtype)
        H, zero, one = scale.size, x.dtype.type(0), x.dtype.type(1)
        inv_H = one / x.dtype.type(H)
        for r in range(group, mean.size, groups):
            start = r * H
            pivot = x[np.uint64(start)]
            pivot = pivot if math.isfinite(pivot) else zero
            centre = reduce(sum_of(x, start, pivot, lane, lanes, H), lane, lanes, sums) * inv_H
            var = reduce(squares_of(x, start, pivot, centre, lane, lanes, H), lane, lanes, squares) * inv_H
            factor = one / math.sqrt(var + eps)
            for k in range(lane, H, lanes):
                deviation = (x[np.uint64(start + k)] - pivot) - centre
                y[np.uint64(start + k)] = scale[k] * (deviation * factor) + shift[k]
            if lane == 0:
                mean[np.uint64(r)], rstd[np.uint64(r)] = pivot + centre, factor

    return normalise


@functools.cache
def input_gradient_kernel(lanes):
    """dx = rstd (g - Σ g / H - x̂ Σ (g x̂) / H),  g = scale dy, of each row. dx may be dy.

    A group of threads owns every GROUPS-th row. It moves 5 words an element, of which 2 reads are from the cache.
    """

    @kernel("real[::1], real[::1], real[::1], real[::1], real[::1], real[::1]",
            f"layernorm.input_gradient[{lanes}]")  # fmt: skip
    def input_gradient(dy, x, mean, rstd, scale, dx):
        groups, group, lane = lesser(GROUPS, mean.size), cuda.grid(1) // lanes, cuda.grid(1) % lanes
        if group >= groups:
            return
        sums = cuda.shared.array(lanes, x.dtype)
        slopes = cuda.shared.array(lanes, x.dtype)
        H = scale.size
        inv_H = x.dtype.type(1) / x.dtype.type(H)
        for r in range(group, mean.size, groups):
            start, centre, factor = r * H, mean[np.uint64(r)], rstd[np.uint64(r)]
            sum_g, sum_g_x_hat = gradient_sums_of(dy, x, scale, start, centre, factor, lane, lanes, H)
            mean_g = reduce(sum_g, lane, lanes, sums) * inv_H
            mean_g_x_hat = reduce(sum_g_x_hat, lane, lanes, slopes) * inv_H
            for k in range(lane, H, lanes):
                i = np.uint64(start + k)
                x_hat = (x[i] - centre) * factor
                dx[i] = factor * (scale[k] * dy[i] - mean_g - x_hat * mean_g_x_hat)

    return input_gradient


@kernel("real[::1], real[::1], real[::1], real[::1], int64, int64, float64[::1]", "layernorm.sums")
def sums_kernel(dy, x, mean, rstd, H, size, sums):
    """sums = Σ dy x̂ and Σ dy of each segment of `size` rows, as (segments, 2, H).

    A thread owns one unit in one segment. It moves 2 words an element.
    """
    j = cuda.grid(1)
    if j >= sums.size // 2:
        return
    segment = j // H
    unit, row, stop = j - segment * H, segment * size, lesser((segment + 1) * size, mean.size)
    zero, sum_dy_x_hat, sum_dy = x.dtype.type(0), np.float64(0), np.float64(0)
    ahead_x_hat, ahead_dy = cuda.local.array(AHEAD, x.dtype), cuda.local.array(AHEAD, x.dtype)
    while row < stop:
        for k in range(AHEAD):
            ahead_row = lesser(row + k, stop - 1)
            i = np.uint64(ahead_row * H + unit)
            ahead_x_hat[k] = (x[i] - mean[np.uint64(ahead_row)]) * rstd[np.uint64(ahead_row)]
            ahead_dy[k] = dy[i]
        part_dy_x_hat, part_dy = zero, zero
        for k in range(AHEAD):
            dy_row = ahead_dy[k] if row + k < stop else zero
            part_dy_x_hat += dy_row * ahead_x_hat[k]
            part_dy += dy_row
        sum_dy_x_hat += part_dy_x_hat
        sum_dy += part_dy
        row += AHEAD
    sums[2 * segment * H + unit], sums[(2 * segment + 1) * H + unit] = sum_dy_x_hat, sum_dy


def kernels():
    """Yield every kernel in every variant."""
    for lanes in (1, WARP):
        yield normalise_kernel(lanes)
        yield input_gradient_kernel(lanes)
    yield sums_kernel
