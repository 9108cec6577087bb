"""GPU twin of reference.py: a walker, one thread or a warp if there are many units, takes every so-manieth row.

A row is read for its mean, for its variance and to be written; the first brings it into a cache (kernels.py).

Sums over rows, for scale and shift, are taken on segments of rows, one thread a column of each, and then added in order
(rows.total). They come first: dx may be written over dy.
"""

from __future__ import annotations

import numpy as np

from ... import _check, _device
from ..._cuda import WARP, on_device
from ..rows.cuda import flat, total_kernel
from . import reference
from .kernels import WALKERS, input_gradient_kernel, normalise_kernel, sums_kernel

FEW = 32  # units that one thread walks: its row is then one or a few lines of the cache
SEGMENTS = 2**7  # of the rows at most: one thread adds their sums
SEGMENT_ROWS = 64  # at least


def forward(x, scale, shift, eps=1e-5, out=None):
    """Twin of reference.forward."""
    where = "layernorm.forward"
    on_device(where, x=x, scale=scale, shift=shift, out=out)
    reference.check_forward(where, x, scale, shift, out)
    _check.floats(where, x=x)
    y = _device.empty_like(x) if out is None else out
    mean, rstd = (_device.empty(x.shape[:-1], x.dtype) for _ in range(2))
    _over_rows(normalise_kernel, x, flat(x), scale, shift, x.dtype.type(eps), flat(y), flat(mean), flat(rstd))
    return y, mean, rstd


def backward(dy, x, mean, rstd, scale, out=None):
    """Twin of reference.backward."""
    where = "layernorm.backward"
    on_device(where, dy=dy, x=x, mean=mean, rstd=rstd, scale=scale, out=out)
    reference.check_backward(where, dy, x, mean, rstd, scale, out)
    _check.floats(where, x=x)
    dx = _device.empty_like(x) if out is None else out
    H, rows = x.shape[-1], mean.size
    size = max(SEGMENT_ROWS, -(-rows // SEGMENTS))
    segments = -(-rows // size)
    given, sums = (flat(dy), flat(x), flat(mean), flat(rstd)), _device.empty(segments * 2 * H, np.float64)
    both = _device.empty((2, H), x.dtype)
    sums_kernel(segments * H, *given, H, size, sums)
    total_kernel(both.size, sums, segments, both.size, flat(both))
    _over_rows(input_gradient_kernel, x, *given, scale, flat(dx))
    return dx, both[0], both[1]


def _over_rows(variant, x, *given):
    """The kernel on walkers that share the rows of x."""
    H = x.shape[-1]
    walkers = min(WALKERS, x.size // H)
    if H <= FEW:
        variant(1)(walkers, *given)
    elif walkers:
        variant(WARP).launch(walkers, WARP, *given)
