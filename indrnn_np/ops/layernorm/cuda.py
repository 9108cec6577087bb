"""CUDA twin of reference.py: groups of threads process rows at a fixed stride.

A group is one thread, or a warp for rows with many units. It reads a row for the mean, for the
variance and for the output; the first read brings the row into the cache (kernels.py).

Sums over rows, for scale and shift, are computed on segments of rows, one thread for each column,
and then added in order (rows.total). They come first, because dx may overwrite dy.
"""

from __future__ import annotations

import numpy as np

from ..._cuda import arrays
from ..._cuda.launch import on_device
from ..._cuda.target import WARP
from ..rows.cuda import total_kernel
from . import contract
from .kernels import GROUPS, input_gradient_kernel, normalise_kernel, sums_kernel

ONE_THREAD = 32  # units of a row that one thread processes: the row is one or a few cache lines
SEGMENTS = 2**7  # segments of rows, at most; one thread adds their sums
SEGMENT_ROWS = 64  # rows of a segment, at least


def forward(x, scale, shift, eps=1e-5, out=None):
    """Twin of reference.forward."""
    where = "layernorm.forward"
    on_device(where, x=x, scale=scale, shift=shift, out=out)
    contract.check_forward(where, x, scale, shift, eps, out)
    y = arrays.empty_like(x) if out is None else out
    mean, rstd = (arrays.empty(x.shape[:-1], x.dtype) for _ in range(2))
    _launch(normalise_kernel, x, x.flat, scale, shift, x.dtype.type(eps), y.flat, mean.flat, rstd.flat)
    return y, mean, rstd


def backward(dy, x, mean, rstd, scale, out=None):
    """Twin of reference.backward."""
    where = "layernorm.backward"
    on_device(where, dy=dy, x=x, mean=mean, rstd=rstd, scale=scale, out=out)
    contract.check_backward(where, dy, x, mean, rstd, scale, out)
    dx = arrays.empty_like(x) if out is None else out
    H, rows = x.shape[-1], mean.size
    size = max(SEGMENT_ROWS, -(-rows // SEGMENTS))
    segments = -(-rows // size)
    inputs, sums = (dy.flat, x.flat, mean.flat, rstd.flat), arrays.empty(segments * 2 * H, np.float64)
    gradients = arrays.empty((2, H), x.dtype)  # of scale and shift
    sums_kernel(segments * H, *inputs, H, size, sums)
    total_kernel(gradients.size, sums, segments, gradients.size, gradients.flat)
    _launch(input_gradient_kernel, x, *inputs, scale, dx.flat)
    return dx, gradients[0], gradients[1]


def _launch(kernel, x, *arguments):
    """Launch kernel(1) or kernel(WARP) with groups that share the rows of x."""
    H = x.shape[-1]
    groups = min(GROUPS, x.size // H)
    if H <= ONE_THREAD:
        kernel(1)(groups, *arguments)
    elif groups:
        kernel(WARP).launch(groups, WARP, *arguments)
