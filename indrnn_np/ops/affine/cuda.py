"""GPU twin of reference.py: products over all rows (_products.py); the bias is added by a pass over y.

A thread adds its b to ROWS numbers of one column, neighbouring threads to neighbouring ones. db is summed in float64.
"""

from __future__ import annotations

import math

import numpy as np

from ... import _check, _device
from ..._cuda import cuda, kernel, lesser, on_device
from ..._products import column_sums, matmul
from . import reference

ROWS = 16  # of a thread


def forward(x, W, b, out=None):
    """Twin of reference.forward."""
    where = "affine.forward"
    on_device(where, x=x, W=W, b=b, out=out)
    reference.check_forward(where, x, W, b, out)
    _check.floats(where, x=x)
    (K, D), rows = W.shape, math.prod(x.shape[:-1])
    y = _device.empty((*x.shape[:-1], K), x.dtype) if out is None else out
    matmul(x.reshape(rows, D), W, y.reshape(rows, K), transpose_b=True)
    bias_kernel(-(-rows // ROWS) * K, y.reshape(y.size), b, rows)
    return y


def backward(dy, x, W, out=None):
    """Twin of reference.backward."""
    where = "affine.backward"
    on_device(where, dy=dy, x=x, W=W, out=out)
    reference.check_backward(where, dy, x, W, out)
    _check.floats(where, x=x)
    (K, D), rows = W.shape, math.prod(x.shape[:-1])
    dx = _device.empty_like(x) if out is None else out
    dW, db = _device.empty_like(W), _device.empty(K, x.dtype)
    dy, x = dy.reshape(rows, K), x.reshape(rows, D)
    matmul(dy, W, dx.reshape(rows, D))
    matmul(dy, x, dW, transpose_a=True)
    column_sums(dy, db)
    return dx, dW, db


@kernel("real[::1], real[::1], int64")
def bias_kernel(y, b, rows):
    """y += b, for ROWS rows of one column."""
    n = cuda.grid(1)
    group, j = n // b.size, n % b.size
    b_j, p = b[j], group * ROWS * b.size + j
    for _ in range(group * ROWS, lesser(rows, (group + 1) * ROWS)):
        y[np.uint64(p)] += b_j
        p += b.size


def kernels():
    """Every kernel, in every variant."""
    yield bias_kernel
