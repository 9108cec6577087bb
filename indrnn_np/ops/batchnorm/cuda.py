"""GPU twin of reference.py: one thread walks a segment of rows of one column; the walks are in kernels.py.

There are S statistics (1, or one a step), each over N consecutive rows of H numbers, and the rows of a statistic are
cut into segments. Neighbouring threads have neighbouring columns, so memory is read in order. The sums of the segments
are float64 and are added in their order by a second kernel; how many segments there are depends on sizes alone.

A statistic takes one pass over x: sums of x - pivot and of its square, where the pivot is one of the n values counted.
Then (mean - pivot)² <= n var, so what cancels in Σ (x - pivot)² - (Σ (x - pivot))² / n costs at most a factor n of
float64's precision, whatever the values.
"""

from __future__ import annotations

import numpy as np

from ... import _check, _device
from ..._cuda import ends_of, on_device
from . import reference
from .kernels import (
    ROWS,
    column_sums_kernel,
    gradient_sums_kernel,
    gradients_kernel,
    input_gradient_kernel,
    moments_kernel,
    normalise_kernel,
    rows_kernel,
    statistics_kernel,
    update_kernel,
)

SEGMENTS = 128  # of a statistic at most: one thread adds their sums
SEGMENT_ROWS = 64  # at least
THREADS = 2**17  # beyond these, segments fill the card no better


def forward(x, scale, shift, eps=1e-5, lengths=None, per_step=False, out=None):
    """Twin of reference.forward."""
    where = "batchnorm.forward"
    on_device(where, x=x, scale=scale, shift=shift, out=out)
    reference.check(where, x, lengths, out, scale=scale, shift=shift)
    mean, var = _statistics(where, x, lengths, per_step)
    return apply(x, mean, var, scale, shift, eps, lengths, out), mean, var


def statistics(x, lengths=None, per_step=False):
    """Twin of reference.statistics."""
    on_device("batchnorm.statistics", x=x)
    reference.check("batchnorm.statistics", x, lengths)
    return _statistics("batchnorm.statistics", x, lengths, per_step)


def _statistics(where, x, lengths, per_step):
    _check.floats(where, x=x)
    (T, B, H), S = x.shape, len(x) if per_step else 1
    reference.check_count(where, T * B if lengths is None else lengths.sum(), lengths)
    N, R, G, total = _segments(x, S)
    padding = ends_of(lengths, T, B), lengths is not None
    pivot = 0 if lengths is None else int(lengths.argmax())  # the longest sample counts wherever one does
    moments_kernel(S * G * H, flat(x), N, H, R, G, pivot, *padding, total)
    mean, var = _device.empty((S, H), x.dtype), _device.empty((S, H), x.dtype)
    statistics_kernel(S * H, total, flat(x), N, H, G, pivot, *padding, flat(mean), flat(var))
    return mean, var


def backward(dy, x, mean, var, scale, eps=1e-5, lengths=None, per_step=False, out=None):
    """Twin of reference.backward."""
    where = "batchnorm.backward"
    on_device(where, dy=dy, x=x, mean=mean, var=var, scale=scale, out=out)
    reference.check(where, x, lengths, out, mean=mean, var=var, scale=scale)
    reference.check_gradient(where, dy, x, mean, per_step)
    _check.floats(where, x=x)
    (T, B, H), S, eps = x.shape, len(mean), x.dtype.type(eps)
    N, R, G, total = _segments(x, S)
    padding = ends_of(lengths, T, B), lengths is not None
    gradient_sums_kernel(S * G * H, flat(dy), flat(x), flat(mean), N, H, R, G, *padding, total)
    sums, slopes = _device.empty((2, S, H), x.dtype), _device.empty((2, S, H), x.dtype)
    gradients_kernel(S * H, total, flat(var), eps, N, H, G, *padding, flat(sums), flat(slopes))
    dx = _device.empty_like(x) if out is None else out
    G = -(-N // ROWS)
    input_gradient_kernel(S * G * H, flat(dy), flat(x), flat(mean), flat(var), scale, eps, flat(slopes), N, H, G,
                          *padding, flat(dx))  # fmt: skip
    if S == 1:
        return dx, sums[0].reshape(H), sums[1].reshape(H)
    both = _device.empty((2, H), x.dtype)
    column_sums_kernel(H, flat(sums), S, H, flat(both))
    return dx, both[0], both[1]


def apply(x, mean, var, scale, shift, eps=1e-5, lengths=None, out=None):
    """Twin of reference.apply."""
    where = "batchnorm.apply"
    on_device(where, x=x, mean=mean, var=var, scale=scale, shift=shift, out=out)
    reference.check(where, x, lengths, out, mean=mean, var=var, scale=scale, shift=shift)
    _check.floats(where, x=x)
    (T, B, H), S = x.shape, len(mean)
    y = _device.empty_like(x) if out is None else out
    N = T * B // max(1, S)
    G = -(-N // ROWS)
    normalise_kernel(S * G * H, flat(x), flat(mean), flat(var), scale, shift, x.dtype.type(eps), N, H, G,
                     ends_of(lengths, T, B), lengths is not None, flat(y))  # fmt: skip
    return y


def update(running_mean, running_var, mean, var, counts, t0, momentum):
    """Twin of reference.update."""
    where = "batchnorm.update"
    on_device(where, running_mean=running_mean, running_var=running_var, mean=mean, var=var)
    reference.check_update(where, running_mean, running_var, mean, var, counts)
    _check.floats(where, mean=mean)
    counted = np.flatnonzero(counts > 0)
    if counted.size:
        n = ends_of(counts, 0, 0)  # kept for equal counts: a copy to the GPU waits for what runs there
        update_kernel(mean.size, flat(mean), flat(var), n, mean.shape[1], t0, int(counted[-1]), float(momentum),
                      flat(running_mean), flat(running_var))  # fmt: skip


def rows(running, t0, T):
    """Twin of reference.rows."""
    on_device("batchnorm.rows", running=running)
    reference.check_running("batchnorm.rows", running=running)
    _check.floats("batchnorm.rows", running=running)
    out = _device.empty((T, running.shape[1]), running.dtype)
    rows_kernel(out.size, flat(running), running.shape[1], t0, flat(out))
    return out


def flat(array):
    """The array with one axis."""
    return array.reshape(array.size)


def _segments(x, S):
    """Rows of a statistic, rows and number of its segments, room for two sums of each."""
    T, B, H = x.shape
    N = T * B // max(1, S)
    most = max(1, min(SEGMENTS, N // SEGMENT_ROWS, THREADS // max(1, S * H)))
    R = max(1, -(-N // most))
    G = max(1, -(-N // R))
    return N, R, G, _device.empty(2 * S * G * H, np.float64)
