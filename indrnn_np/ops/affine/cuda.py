"""CUDA twin of reference.py: products over all rows (_cuda/products.py), then a pass over y that adds b.

A thread adds its b to ROWS numbers of one column. Neighbouring threads have neighbouring columns.
db is accumulated in float64.
"""

from __future__ import annotations

import math

import numpy as np

from ..._cuda import arrays
from ..._cuda.launch import kernel, lesser, on_device
from ..._cuda.products import column_sums, matmul
from ..._cuda.target import cuda
from . import contract

ROWS = 16  # rows of a thread


def forward(x, W, b, out=None):
    """Twin of reference.forward."""
    where = "affine.forward"
    on_device(where, x=x, W=W, b=b, out=out)
    contract.check_forward(where, x, W, b, out)
    (K, D), rows = W.shape, math.prod(x.shape[:-1])
    y = arrays.empty((*x.shape[:-1], K), x.dtype) if out is None else out
    matmul(x.reshape(rows, D), W, y.reshape(rows, K), transpose_b=True)
    bias_kernel(-(-rows // ROWS) * K, y.flat, b, rows)
    return y


def backward(dy, x, W, out=None, input_gradient=True):
    """Twin of reference.backward."""
    where = "affine.backward"
    on_device(where, dy=dy, x=x, W=W, out=out)
    contract.check_backward(where, dy, x, W, out, input_gradient)
    (K, D), rows = W.shape, math.prod(x.shape[:-1])
    dx = None if not input_gradient else arrays.empty_like(x) if out is None else out
    dW, db = arrays.empty_like(W), arrays.empty(K, x.dtype)
    dy, x = dy.reshape(rows, K), x.reshape(rows, D)
    if dx is not None:
        matmul(dy, W, dx.reshape(rows, D))
    matmul(dy, x, dW, transpose_a=True)
    column_sums(dy, db)
    return dx, dW, db


@kernel("real[::1], real[::1], int64")
def bias_kernel(y, b, rows):
    """y += b. A thread owns ROWS rows of one column; it moves 2 words an element."""
    n = cuda.grid(1)
    group, j = n // b.size, n % b.size
    b_j, p = b[j], group * ROWS * b.size + j
    for _ in range(group * ROWS, lesser(rows, (group + 1) * ROWS)):
        y[np.uint64(p)] += b_j
        p += b.size


def kernels():
    """Yield every kernel, in every variant."""
    yield bias_kernel
