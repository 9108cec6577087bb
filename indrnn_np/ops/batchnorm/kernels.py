"""CUDA kernels of batch normalisation: a pass over the rows each. cuda.py launches them; sums.py adds their sums.

A thread owns one column of a segment, of a statistic or of ROWS rows. It processes a few rows at a
time: it determines which are valid, loads these with all loads in flight together, and computes.
Invalid rows, in padding or beyond the segment, contribute zero. Row r is sample b = r mod B at time
step t = r // B, and is valid if t < ends[b].

Arrays are flat. A statistic has N rows in G segments of R rows. `padded` is true if there are
lengths.
"""

from __future__ import annotations

import math

import numpy as np

from ..._cuda.launch import device, kernel, lesser
from ..._cuda.target import cuda

AHEAD = 8  # rows whose loads are in flight in a sum
AHEAD_WRITING = 4  # the same in a kernel that writes each row and needs registers for it
ROWS = 16  # rows of a thread in a kernel without sums; the thread computes its factors once for them


@device
def segment(j, N, H, R, G):
    """Return the column and the statistic of thread j, the first row of its segment, and the end."""
    c = j // H
    s = c // G
    row = s * N + (c - s * G) * R
    return j - c * H, s, row, lesser(row + R, (s + 1) * N)


@device
def validate(row, stop, ends, padded, valid):
    """Set valid[k] to whether row + k is valid; return True if all these rows are valid and there are no lengths."""
    if padded:
        t = row // ends.size
        b = row - t * ends.size
        for k in range(valid.size):
            valid[k] = row + k < stop and t < ends[b]
            b += 1
            if b == ends.size:
                t, b = t + 1, 0
    else:
        for k in range(valid.size):
            valid[k] = row + k < stop
    return not padded and row + valid.size <= stop


@device
def load(array, p, H, all_valid, valid, fill, ahead):
    """ahead[k] = the element k rows after position p, or `fill` if that row is invalid."""
    if all_valid:  # ptxas delays a conditional load until its value is used
        for k in range(ahead.size):
            ahead[k] = array[np.uint64(p)]
            p += H
    else:
        for k in range(ahead.size):
            ahead[k] = array[np.uint64(p)] if valid[k] else fill
            p += H


@kernel("real[::1], int64, int64, int64, int64, int64, int64[::1], boolean, float64[::1]")
def moments_kernel(x, N, H, R, G, pivot, ends, padded, total):
    """total = Σ d and Σ d² of a segment, d = x - x[pivot], a valid row of each statistic; 1 word an element."""
    j = cuda.grid(1)
    if j >= total.size // 2:
        return
    h, s, row, stop = segment(j, N, H, R, G)
    valid, ahead = cuda.local.array(AHEAD, np.bool_), cuda.local.array(AHEAD, x.dtype)
    centre, first, second = x[np.uint64((s * N + pivot) * H + h)], 0.0, 0.0
    while row < stop:
        all_valid = validate(row, stop, ends, padded, valid)
        load(x, row * H + h, H, all_valid, valid, centre, ahead)
        for k in range(AHEAD):
            d = np.float64(ahead[k] - centre)
            first += d
            second += d * d
        row += AHEAD
    total[j], total[total.size // 2 + j] = first, second


@kernel("real[::1], real[::1], real[::1], int64, int64, int64, int64, int64[::1], boolean, float64[::1]")
def gradient_sums_kernel(dy, x, mean, N, H, R, G, ends, padded, total):
    """total = Σ dy and Σ dy (x - mean) of a segment, over AHEAD rows in the arrays' dtype; 2 words an element."""
    j = cuda.grid(1)
    if j >= total.size // 2:
        return
    h, s, row, stop = segment(j, N, H, R, G)
    valid = cuda.local.array(AHEAD, np.bool_)
    ahead_dy, ahead_x = cuda.local.array(AHEAD, x.dtype), cuda.local.array(AHEAD, x.dtype)
    zero, m, sum_dy, sum_dy_x = x.dtype.type(0), mean[s * H + h], 0.0, 0.0
    while row < stop:
        all_valid = validate(row, stop, ends, padded, valid)
        load(dy, row * H + h, H, all_valid, valid, zero, ahead_dy)
        load(x, row * H + h, H, all_valid, valid, m, ahead_x)
        part_dy, part_dy_x = zero, zero
        for k in range(AHEAD):
            part_dy += ahead_dy[k]
            part_dy_x += ahead_dy[k] * (ahead_x[k] - m)
        sum_dy += part_dy
        sum_dy_x += part_dy_x
        row += AHEAD
    total[j], total[total.size // 2 + j] = sum_dy, sum_dy_x


@kernel("real[::1], real[::1], real[::1], real[::1], real[::1], real, int64, int64, int64, int64[::1], boolean, "
        "real[::1]")  # fmt: skip
def normalise_kernel(x, mean, var, scale, shift, eps, N, H, G, ends, padded, y):
    """y = (x - mean) factor + shift, factor = scale / √(var + eps); 0 in padding; 2 words an element. y may be x."""
    j = cuda.grid(1)
    if j >= mean.size * G:
        return
    h, s, row, stop = segment(j, N, H, ROWS, G)
    valid, ahead = cuda.local.array(AHEAD_WRITING, np.bool_), cuda.local.array(AHEAD_WRITING, x.dtype)
    zero, m, b, p = x.dtype.type(0), mean[s * H + h], shift[h], row * H + h
    factor = scale[h] / math.sqrt(var[s * H + h] + eps)
    while row < stop:
        all_valid = validate(row, stop, ends, padded, valid)
        load(x, p, H, all_valid, valid, zero, ahead)
        for k in range(AHEAD_WRITING):
            if row + k < stop:
                y[np.uint64(p)] = (ahead[k] - m) * factor + b if valid[k] else zero
            p += H
        row += AHEAD_WRITING


@kernel("real[::1], real[::1], real[::1], real[::1], real[::1], real, real[::1], int64, int64, int64, int64[::1], "
        "boolean, real[::1]")  # fmt: skip
def input_gradient_kernel(dy, x, mean, var, scale, eps, slopes, N, H, G, ends, padded, dx):
    """dx = factor (dy - mean dy - (x - mean) slope); 0 in padding; 3 words an element. dx may be dy or x."""
    j = cuda.grid(1)
    if j >= mean.size * G:
        return
    h, s, row, stop = segment(j, N, H, ROWS, G)
    valid = cuda.local.array(AHEAD_WRITING, np.bool_)
    ahead_dy, ahead_x = cuda.local.array(AHEAD_WRITING, x.dtype), cuda.local.array(AHEAD_WRITING, x.dtype)
    zero, m, p = x.dtype.type(0), mean[s * H + h], row * H + h
    slope, mean_dy = slopes[s * H + h], slopes[mean.size + s * H + h]
    factor = scale[h] / math.sqrt(var[s * H + h] + eps)
    while row < stop:
        all_valid = validate(row, stop, ends, padded, valid)
        load(dy, p, H, all_valid, valid, zero, ahead_dy)
        load(x, p, H, all_valid, valid, zero, ahead_x)
        for k in range(AHEAD_WRITING):
            if row + k < stop:
                rest = mean_dy + (ahead_x[k] - m) * slope
                dx[np.uint64(p)] = factor * (ahead_dy[k] - rest) if valid[k] else zero
            p += H
        row += AHEAD_WRITING


@kernel("real[::1], real[::1], int64[::1], int64, int64, int64, float64, real[::1], real[::1]")
def update_kernel(mean, var, counts, H, t0, last, momentum, running_mean, running_var):
    """r ← (1 - momentum) r + momentum · batch. Time step `last` of the batch updates the shared last row.

    A single value has no variance; running_var is then unchanged.
    """
    j = cuda.grid(1)
    if j >= mean.size:
        return
    s, R = j // H, running_mean.size // H
    n = counts[s]
    if n <= 0 or (t0 + s >= R - 1 and s != last):
        return
    i = lesser(t0 + s, R - 1) * H + (j - s * H)
    running_mean[i] = (1.0 - momentum) * running_mean[i] + momentum * mean[j]
    if n > 1:
        unbiased = var[j] * (n / np.float64(n - 1))
        running_var[i] = (1.0 - momentum) * running_var[i] + momentum * unbiased


@kernel("real[::1], int64, int64, real[::1]")
def rows_kernel(running, H, t0, out):
    """out[t] = running[t0 + t], or the last row of running; 2 words an element."""
    i = cuda.grid(1)
    if i < out.size:
        t = i // H
        out[i] = running[lesser(t0 + t, running.size // H - 1) * H + (i - t * H)]


def kernels():
    """Yield every kernel."""
    yield from (moments_kernel, gradient_sums_kernel, normalise_kernel, input_gradient_kernel)
    yield from (update_kernel, rows_kernel)
