"""Layer normalisation on the GPU: the kernels of cuda.py.

A walker is `lanes` threads, 1 or a warp, which share the H units of a row, neighbours beside each other. What each has
found is put into shared memory, from where all take the whole in the same order. A thread adds AHEAD numbers in the
arrays' dtype and these sums in float64; the threads' sums are added in the arrays' dtype again. Numbers are taken from
the row's first one, the pivot, so that rows which lie far from 0 lose nothing (from 0 where that one is not finite).
"""

from __future__ import annotations

import functools
import math

import numpy as np

from ..._cuda import WARP, cuda, device, kernel, lesser

WALKERS = 2**16  # at most
AHEAD = 4  # numbers whose loads are under way


@device
def load(array, start, at, lanes, H, less, ahead):
    """ahead = numbers at, at + lanes, ... of the row that begins at `start`, less one number; 0 behind its end."""
    for k in range(AHEAD):
        i = at + k * lanes
        number = array[np.uint64(start + lesser(i, H - 1))]
        ahead[k] = number - less if i < H else ahead.dtype.type(0)


@device
def sum_of(x, start, pivot, lane, lanes, H):
    """Σ (x - pivot) of the numbers of one thread."""
    ahead, found, at = cuda.local.array(AHEAD, x.dtype), np.float64(0), lane
    while at < H:
        load(x, start, at, lanes, H, pivot, ahead)
        part = x.dtype.type(0)
        for k in range(AHEAD):
            part += ahead[k]
        found += part
        at += AHEAD * lanes
    return found


@device
def squares_of(x, start, pivot, centre, lane, lanes, H):
    """Σ ((x - pivot) - centre)² of the numbers of one thread."""
    ahead, found, at = cuda.local.array(AHEAD, x.dtype), np.float64(0), lane
    while at < H:
        load(x, start, at, lanes, H, pivot, ahead)
        part = x.dtype.type(0)
        for k in range(AHEAD):
            d = ahead[k] - centre if at + k * lanes < H else x.dtype.type(0)
            part += d * d
        found += part
        at += AHEAD * lanes
    return found


@device
def slopes_of(dy, x, scale, start, centre, factor, lane, lanes, H):
    """Σ g and Σ g x̂ of the numbers of one thread."""
    ahead_x, ahead_dy = cuda.local.array(AHEAD, x.dtype), cuda.local.array(AHEAD, x.dtype)
    ahead_scale, zero = cuda.local.array(AHEAD, x.dtype), x.dtype.type(0)
    first, second, at = np.float64(0), np.float64(0), lane
    while at < H:
        load(x, start, at, lanes, H, centre, ahead_x)
        load(dy, start, at, lanes, H, zero, ahead_dy)
        load(scale, 0, at, lanes, H, zero, ahead_scale)
        part_first, part_second = zero, zero
        for k in range(AHEAD):
            g = ahead_scale[k] * ahead_dy[k]
            part_first += g
            part_second += g * (ahead_x[k] * factor)
        first += part_first
        second += part_second
        at += AHEAD * lanes
    return first, second


@device
def whole(found, lane, lanes, shared):
    """The sum of what the threads of a walker have found, in the dtype of `shared`."""
    if lanes == 1:  # its block has other walkers, so nothing of it may be shared
        return shared.dtype.type(found)
    shared[lane] = found
    cuda.syncthreads()
    total = shared.dtype.type(0)
    for i in range(lanes):
        total += shared[i]
    return total


@functools.cache
def normalise_kernel(lanes):
    """y = scale (x - mean) rstd + shift,  mean = Σ x / H,  rstd = 1 / √(Σ (x - mean)² / H + eps) of each row."""

    @kernel("real[::1], real[::1], real[::1], real, real[::1], real[::1], real[::1]",
            f"layernorm.normalise[{lanes}]")  # fmt: skip
    def normalise(x, scale, shift, eps, y, mean, rstd):
        walkers, walker, lane = lesser(WALKERS, mean.size), cuda.grid(1) // lanes, cuda.grid(1) % lanes
        if walker >= walkers:
            return
        sums = cuda.shared.array(lanes, x.dtype)  # a line each: the simulator tells them apart by it
        squares = cuda.shared.array(lanes, x.dtype)
        H, zero, one = scale.size, x.dtype.type(0), x.dtype.type(1)
        share = one / x.dtype.type(H)
        for r in range(walker, mean.size, walkers):
            start = r * H
            pivot = x[np.uint64(start)]
            pivot = pivot if math.isfinite(pivot) else zero
            centre = whole(sum_of(x, start, pivot, lane, lanes, H), lane, lanes, sums) * share
            var = whole(squares_of(x, start, pivot, centre, lane, lanes, H), lane, lanes, squares) * share
            factor = one / math.sqrt(var + eps)
            for k in range(lane, H, lanes):
                d = (x[np.uint64(start + k)] - pivot) - centre
                y[np.uint64(start + k)] = scale[k] * (d * factor) + shift[k]
            if lane == 0:
                mean[np.uint64(r)], rstd[np.uint64(r)] = pivot + centre, factor

    return normalise


@functools.cache
def input_gradient_kernel(lanes):
    """dx = rstd (g - Σ g / H - x̂ Σ (g x̂) / H),  g = scale dy, of each row. dx may be dy."""

    @kernel("real[::1], real[::1], real[::1], real[::1], real[::1], real[::1]",
            f"layernorm.input_gradient[{lanes}]")  # fmt: skip
    def input_gradient(dy, x, mean, rstd, scale, dx):
        walkers, walker, lane = lesser(WALKERS, mean.size), cuda.grid(1) // lanes, cuda.grid(1) % lanes
        if walker >= walkers:
            return
        sums = cuda.shared.array(lanes, x.dtype)
        slopes = cuda.shared.array(lanes, x.dtype)
        H = scale.size
        share = x.dtype.type(1) / x.dtype.type(H)
        for r in range(walker, mean.size, walkers):
            start, centre, factor = r * H, mean[np.uint64(r)], rstd[np.uint64(r)]
            first, second = slopes_of(dy, x, scale, start, centre, factor, lane, lanes, H)
            total = whole(first, lane, lanes, sums) * share
            along = whole(second, lane, lanes, slopes) * share
            for k in range(lane, H, lanes):
                i = np.uint64(start + k)
                x_hat = (x[i] - centre) * factor
                dx[i] = factor * (scale[k] * dy[i] - total - x_hat * along)

    return input_gradient


@kernel("real[::1], real[::1], real[::1], real[::1], int64, int64, float64[::1]", "layernorm.sums")
def sums_kernel(dy, x, mean, rstd, H, size, sums):
    """sums = Σ dy x̂ and Σ dy of each segment of `size` rows, side by side: (segments, 2, H)."""
    j = cuda.grid(1)
    if j >= sums.size // 2:
        return
    s = j // H
    h, row, stop = j - s * H, s * size, lesser((s + 1) * size, mean.size)
    zero, first, second = x.dtype.type(0), np.float64(0), np.float64(0)
    ahead_x, ahead_dy = cuda.local.array(AHEAD, x.dtype), cuda.local.array(AHEAD, x.dtype)
    while row < stop:
        for k in range(AHEAD):
            r = lesser(row + k, stop - 1)
            i = np.uint64(r * H + h)
            ahead_x[k] = (x[i] - mean[np.uint64(r)]) * rstd[np.uint64(r)]
            ahead_dy[k] = dy[i]
        part_first, part_second = zero, zero
        for k in range(AHEAD):
            g = ahead_dy[k] if row + k < stop else zero
            part_first += g * ahead_x[k]
            part_second += g
        first += part_first
        second += part_second
        row += AHEAD
    sums[2 * s * H + h], sums[(2 * s + 1) * H + h] = first, second


def kernels():
    """Every kernel, in every variant."""
    for lanes in (1, WARP):
        yield normalise_kernel(lanes)
        yield input_gradient_kernel(lanes)
    yield sums_kernel
