"""Batch normalisation on the GPU: the kernels of cuda.py.

A thread walks the rows of a segment a few at a time: it finds which of them count, loads those, whose loads are then
under way together, and computes. A row that does not count, in padding or behind the segment, gives a number that adds
nothing. Row r is sample b = r mod B of step t = r // B, and counts if t < ends[b].

Arrays are flat. Numbers of rows: N of a statistic, R of a segment; G segments a statistic. `padded`: there are lengths.
"""

from __future__ import annotations

import math

import numpy as np

from ..._cuda import cuda, device, greater, kernel, lesser

AHEAD = 8  # rows whose loads are under way in a sum
WRITTEN = 4  # the same where each row is also written, which takes registers
ROWS = 16  # rows of a thread where nothing is summed: what it computes once is shared by so many


@device
def segment(j, N, H, R, G):
    """Which column and statistic thread j has, the first row of its segment, and the end."""
    c = j // H
    s = c // G
    row = s * N + (c - s * G) * R
    return j - c * H, s, row, lesser(row + R, (s + 1) * N)


@device
def find(row, stop, ends, padded, counts):
    """counts[k] = does row number row + k count? Returns whether all do for sure."""
    if padded:
        t = row // ends.size
        b = row - t * ends.size
        for k in range(counts.size):
            counts[k] = row + k < stop and t < ends[b]
            b += 1
            if b == ends.size:
                t, b = t + 1, 0
    else:
        for k in range(counts.size):
            counts[k] = row + k < stop
    return not padded and row + counts.size <= stop


@device
def load(array, place, H, whole, counts, other, ahead):
    """ahead[k] = the number k rows on from `place`, or `other` where that row does not count."""
    if whole:  # ptxas would put loads under a condition apart, each before its use
        for k in range(ahead.size):
            ahead[k] = array[np.uint64(place)]
            place += H
    else:
        for k in range(ahead.size):
            ahead[k] = array[np.uint64(place)] if counts[k] else other
            place += H


@device
def add(array, place, step, count):
    """The sums of `count` numbers that stand `step` apart, in each half of an array, in float64 and in their order."""
    first, second = 0.0, 0.0
    for _ in range(count):
        first += array[np.uint64(place)]
        second += array[np.uint64(array.size // 2 + place)]
        place += step
    return first, second


@device
def values(s, N, ends, padded):
    """How many rows of statistic s count."""
    if not padded or N == 0:
        return N
    n, steps = 0, N // ends.size
    for b in range(ends.size):
        n += lesser(greater(ends[b] - s * steps, 0), steps)
    return n


@kernel("real[::1], int64, int64, int64, int64, int64, int64[::1], boolean, float64[::1]")
def moments_kernel(x, N, H, R, G, pivot, ends, padded, total):
    """total = Σ d and Σ d² of a segment, d = x - x[pivot]; of each statistic, `pivot` is a row that counts."""
    j = cuda.grid(1)
    if j >= total.size // 2:
        return
    h, s, row, stop = segment(j, N, H, R, G)
    counts, ahead = cuda.local.array(AHEAD, np.bool_), cuda.local.array(AHEAD, x.dtype)
    centre, first, second = x[np.uint64((s * N + pivot) * H + h)], 0.0, 0.0
    while row < stop:
        whole = find(row, stop, ends, padded, counts)
        load(x, row * H + h, H, whole, counts, centre, ahead)
        for k in range(AHEAD):
            d = np.float64(ahead[k] - centre)
            first += d
            second += d * d
        row += AHEAD
    total[j], total[total.size // 2 + j] = first, second


@kernel("float64[::1], real[::1], int64, int64, int64, int64, int64[::1], boolean, real[::1], real[::1]")
def statistics_kernel(total, x, N, H, G, pivot, ends, padded, mean, var):
    """mean = pivot + Σ d / n,  var = (Σ d² - (Σ d)² / n) / n;  0 where n = 0."""
    j = cuda.grid(1)
    if j >= mean.size:
        return
    s = j // H
    h, n = j - s * H, values(s, N, ends, padded)
    if n == 0:
        mean[j] = var[j] = x.dtype.type(0)
        return
    first, second = add(total, s * G * H + h, H, G)
    mean[j] = np.float64(x[np.uint64((s * N + pivot) * H + h)]) + first / n
    var[j] = (second - first * (first / n)) / n


@kernel("real[::1], real[::1], real[::1], int64, int64, int64, int64, int64[::1], boolean, float64[::1]")
def gradient_sums_kernel(dy, x, mean, N, H, R, G, ends, padded, total):
    """total = Σ dy and Σ dy (x - mean) of a segment; AHEAD rows at a time are added in the arrays' dtype."""
    j = cuda.grid(1)
    if j >= total.size // 2:
        return
    h, s, row, stop = segment(j, N, H, R, G)
    counts = cuda.local.array(AHEAD, np.bool_)
    ahead_dy, ahead_x = cuda.local.array(AHEAD, x.dtype), cuda.local.array(AHEAD, x.dtype)
    zero, m, first, second = x.dtype.type(0), mean[s * H + h], 0.0, 0.0
    while row < stop:
        whole = find(row, stop, ends, padded, counts)
        load(dy, row * H + h, H, whole, counts, zero, ahead_dy)
        load(x, row * H + h, H, whole, counts, m, ahead_x)
        part_first, part_second = zero, zero
        for k in range(AHEAD):
            part_first += ahead_dy[k]
            part_second += ahead_dy[k] * (ahead_x[k] - m)
        first += part_first
        second += part_second
        row += AHEAD
    total[j], total[total.size // 2 + j] = first, second


@kernel("float64[::1], real[::1], real, int64, int64, int64, int64[::1], boolean, real[::1], real[::1]")
def gradients_kernel(total, var, eps, N, H, G, ends, padded, sums, slopes):
    """sums = Σ dy x̂ and Σ dy of each statistic;  slopes = rstd Σ dy x̂ / n and Σ dy / n."""
    j = cuda.grid(1)
    if j >= var.size:
        return
    s = j // H
    h, n = j - s * H, greater(values(s, N, ends, padded), 1)
    rstd = 1.0 / math.sqrt(np.float64(var[j] + eps))
    sum_dy, sum_dy_x = add(total, s * G * H + h, H, G)
    sum_dy_x_hat = rstd * sum_dy_x
    sums[j], sums[var.size + j] = sum_dy_x_hat, sum_dy
    slopes[j], slopes[var.size + j] = rstd * (sum_dy_x_hat / n), sum_dy / n


@kernel("real[::1], int64, int64, real[::1]")
def column_sums_kernel(sums, S, H, both):
    """both = the sums over the statistics, in their order, of the two arrays (S, H) in `sums`."""
    h = cuda.grid(1)
    if h < H:
        both[h], both[H + h] = add(sums, h, H, S)


@kernel("real[::1], real[::1], real[::1], real[::1], real[::1], real, int64, int64, int64, int64[::1], boolean, "
        "real[::1]")  # fmt: skip
def normalise_kernel(x, mean, var, scale, shift, eps, N, H, G, ends, padded, y):
    """y = (x - mean) factor + shift, factor = scale / √(var + eps); 0 in padding. y may be x itself."""
    j = cuda.grid(1)
    if j >= mean.size * G:
        return
    h, s, row, stop = segment(j, N, H, ROWS, G)
    counts, ahead = cuda.local.array(WRITTEN, np.bool_), cuda.local.array(WRITTEN, x.dtype)
    zero, m, b, p = x.dtype.type(0), mean[s * H + h], shift[h], row * H + h
    factor = scale[h] / math.sqrt(var[s * H + h] + eps)
    while row < stop:
        whole = find(row, stop, ends, padded, counts)
        load(x, p, H, whole, counts, zero, ahead)
        for k in range(WRITTEN):
            if row + k < stop:
                y[np.uint64(p)] = (ahead[k] - m) * factor + b if counts[k] else zero
            p += H
        row += WRITTEN


@kernel("real[::1], real[::1], real[::1], real[::1], real[::1], real, real[::1], int64, int64, int64, int64[::1], "
        "boolean, real[::1]")  # fmt: skip
def input_gradient_kernel(dy, x, mean, var, scale, eps, slopes, N, H, G, ends, padded, dx):
    """dx = factor (dy - mean dy - (x - mean) slope), factor = scale / √(var + eps); 0 in padding. dx may be dy or x."""
    j = cuda.grid(1)
    if j >= mean.size * G:
        return
    h, s, row, stop = segment(j, N, H, ROWS, G)
    counts = cuda.local.array(WRITTEN, np.bool_)
    ahead_dy, ahead_x = cuda.local.array(WRITTEN, x.dtype), cuda.local.array(WRITTEN, x.dtype)
    zero, m, p = x.dtype.type(0), mean[s * H + h], row * H + h
    slope, mean_dy = slopes[s * H + h], slopes[mean.size + s * H + h]
    factor = scale[h] / math.sqrt(var[s * H + h] + eps)
    while row < stop:
        whole = find(row, stop, ends, padded, counts)
        load(dy, p, H, whole, counts, zero, ahead_dy)
        load(x, p, H, whole, counts, zero, ahead_x)
        for k in range(WRITTEN):
            if row + k < stop:
                rest = mean_dy + (ahead_x[k] - m) * slope
                dx[np.uint64(p)] = factor * (ahead_dy[k] - rest) if counts[k] else zero
            p += H
        row += WRITTEN


@kernel("real[::1], real[::1], int64[::1], int64, int64, int64, float64, real[::1], real[::1]")
def update_kernel(mean, var, counts, H, t0, last, momentum, running_mean, running_var):
    """r ← (1 - momentum) r + momentum · batch; of the steps that share the last row, number `last` counts."""
    j = cuda.grid(1)
    if j >= mean.size:
        return
    s, R = j // H, running_mean.size // H
    n = counts[s]
    if n <= 0 or (t0 + s >= R - 1 and s != last):
        return
    i = lesser(t0 + s, R - 1) * H + (j - s * H)
    unbiased = var[j] * (n / np.float64(greater(n - 1, 1)))
    running_mean[i] = (1.0 - momentum) * running_mean[i] + momentum * mean[j]
    running_var[i] = (1.0 - momentum) * running_var[i] + momentum * unbiased


@kernel("real[::1], int64, int64, real[::1]")
def rows_kernel(running, H, t0, out):
    """out[t] = running[t0 + t], or its last row."""
    i = cuda.grid(1)
    if i < out.size:
        t = i // H
        out[i] = running[lesser(t0 + t, running.size // H - 1) * H + (i - t * H)]


def kernels():
    """Every kernel."""
    yield from (moments_kernel, statistics_kernel, gradient_sums_kernel, gradients_kernel, column_sums_kernel)
    yield from (normalise_kernel, input_gradient_kernel, update_kernel, rows_kernel)
