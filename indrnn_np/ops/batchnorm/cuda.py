"""CUDA twin of reference.py: a thread adds one column of a segment of rows; kernels.py holds the kernels.

There are S statistics: one, or one for each time step. A statistic is over N consecutive rows of H
numbers, which are cut into segments. Neighbouring threads have neighbouring columns, so memory
accesses are coalesced. The sums of the segments are float64, and a second kernel adds them in a
fixed order, a warp a column. The number of segments depends on the sizes alone.

A statistic takes one pass over x, which adds x - pivot and its square. The pivot is one of the n
counted values, so (mean - pivot)² <= n var. The cancellation in Σ (x - pivot)² - (Σ (x - pivot))² /
n therefore costs at most a factor n of the precision of float64, for any values.
"""

from __future__ import annotations

import numpy as np

from ..._cuda import arrays
from ..._cuda.arrays import ends_of
from ..._cuda.launch import on_device
from ..._cuda.reduction import launch_columns
from . import contract
from .kernels import (
    ROWS,
    gradient_sums_kernel,
    input_gradient_kernel,
    moments_kernel,
    normalise_kernel,
    rows_kernel,
    update_kernel,
)
from .sums import column_sums_kernel, gradients_kernel, statistics_kernel

SEGMENTS = 128  # segments of a statistic, at most; one warp adds their sums
SEGMENT_ROWS = 64  # rows of a segment, at least
THREADS = 2**17  # threads that fill the GPU; with more segments, a sum is no faster


def forward(x, scale, shift, eps=1e-5, lengths=None, per_step=False, out=None):
    """Twin of reference.forward."""
    where = "batchnorm.forward"
    on_device(where, x=x, scale=scale, shift=shift, out=out)
    contract.check_forward(where, x, scale, shift, eps, lengths, per_step, out)
    mean, var = _statistics(x, lengths, per_step)
    return apply(x, mean, var, scale, shift, eps, lengths, out), mean, var


def statistics(x, lengths=None, per_step=False):
    """Twin of reference.statistics."""
    on_device("batchnorm.statistics", x=x)
    contract.check_statistics("batchnorm.statistics", x, lengths, per_step)
    return _statistics(x, lengths, per_step)


def _statistics(x, lengths, per_step):
    (T, B, H), S = x.shape, len(x) if per_step else 1
    N, R, G, total = _segments(x, S)
    padding = ends_of(lengths, T, B), lengths is not None
    pivot = 0 if lengths is None else int(lengths.argmax())  # of the longest sample
    moments_kernel(S * G * H, x.flat, N, H, R, G, pivot, *padding, total)
    mean, var = arrays.empty((S, H), x.dtype), arrays.empty((S, H), x.dtype)
    launch_columns(statistics_kernel, S * H, G, total, x.flat, N, H, G, pivot, *padding, mean.flat, var.flat)
    return mean, var


def backward(dy, x, mean, var, scale, eps=1e-5, lengths=None, per_step=False, out=None):
    """Twin of reference.backward."""
    where = "batchnorm.backward"
    on_device(where, dy=dy, x=x, mean=mean, var=var, scale=scale, out=out)
    contract.check_backward(where, dy, x, mean, var, scale, eps, lengths, per_step, out)
    (T, B, H), S, eps = x.shape, len(mean), x.dtype.type(eps)
    N, R, G, total = _segments(x, S)
    padding = ends_of(lengths, T, B), lengths is not None
    gradient_sums_kernel(S * G * H, dy.flat, x.flat, mean.flat, N, H, R, G, *padding, total)
    sums, slopes = arrays.empty((2, S, H), x.dtype), arrays.empty((2, S, H), x.dtype)
    launch_columns(
        gradients_kernel, S * H, G, total, var.flat, eps, N, H, G, *padding, sums.flat, slopes.flat
    )
    dx = arrays.empty_like(x) if out is None else out
    G = -(-N // ROWS)
    input_gradient_kernel(S * G * H, dy.flat, x.flat, mean.flat, var.flat, scale, eps, slopes.flat, N, H, G,
                          *padding, dx.flat)  # fmt: skip
    if S == 1:
        return dx, sums[0].reshape(H), sums[1].reshape(H)
    gradients = arrays.empty((2, H), x.dtype)
    launch_columns(column_sums_kernel, H, S, sums.flat, S, H, gradients.flat)
    return dx, gradients[0], gradients[1]


def apply(x, mean, var, scale, shift, eps=1e-5, lengths=None, out=None):
    """Twin of reference.apply."""
    where = "batchnorm.apply"
    on_device(where, x=x, mean=mean, var=var, scale=scale, shift=shift, out=out)
    contract.check_apply(where, x, mean, var, scale, shift, eps, lengths, out)
    (T, B, H), S = x.shape, len(mean)
    y = arrays.empty_like(x) if out is None else out
    N = T * B // max(1, S)
    G = -(-N // ROWS)
    normalise_kernel(S * G * H, x.flat, mean.flat, var.flat, scale, shift, x.dtype.type(eps), N, H, G,
                     ends_of(lengths, T, B), lengths is not None, y.flat)  # fmt: skip
    return y


def update(running_mean, running_var, mean, var, counts, t0, momentum):
    """Twin of reference.update."""
    where = "batchnorm.update"
    on_device(where, running_mean=running_mean, running_var=running_var, mean=mean, var=var)
    momentum = contract.check_update(where, running_mean, running_var, mean, var, counts, t0, momentum)
    counted = np.flatnonzero(counts > 0)
    if counted.size:
        n = ends_of(counts, 0, 0)  # cached by value, because a copy to the GPU waits for running kernels
        update_kernel(mean.size, mean.flat, var.flat, n, mean.shape[1], t0, int(counted[-1]), float(momentum),
                      running_mean.flat, running_var.flat)  # fmt: skip


def rows(running, t0, T):
    """Twin of reference.rows."""
    on_device("batchnorm.rows", running=running)
    contract.check_rows("batchnorm.rows", running, t0, T)
    out = arrays.empty((T, running.shape[1]), running.dtype)
    rows_kernel(out.size, running.flat, running.shape[1], t0, out.flat)
    return out


def _segments(x, S):
    """Return rows of a statistic, rows of a segment, the number of segments, and a buffer for their sums."""
    T, B, H = x.shape
    N = T * B // max(1, S)
    most = max(1, min(SEGMENTS, N // SEGMENT_ROWS, THREADS // max(1, S * H)))
    R = max(1, -(-N // most))
    G = max(1, -(-N // R))
    return N, R, G, arrays.empty(2 * S * G * H, np.float64)
