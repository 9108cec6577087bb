"""CPU twin of reference.py: threads share the rows and write products to their destination."""

from __future__ import annotations

import numpy as np

from ... import _check
from ..._cpu import arrays
from ..._cpu.threads import parallel_for
from . import contract


def forward(x, W, b, out=None):
    """Twin of reference.forward."""
    contract.check_forward("affine.forward", x, W, b, out)
    _check.floats("affine.forward", x=x)
    y = arrays.empty((*x.shape[:-1], len(W)), x.dtype) if out is None else out
    rows, out_rows = arrays.as_rows(x), arrays.as_rows(y)

    def part(i, j):
        np.matmul(rows[i:j], W.T, out=out_rows[i:j])
        out_rows[i:j] += b

    parallel_for(len(rows), x.size + y.size, part)
    return y


def backward(dy, x, W, out=None, input_gradient=True):
    """Twin of reference.backward."""
    contract.check_backward("affine.backward", dy, x, W, out, input_gradient)
    _check.floats("affine.backward", x=x)
    dx = None if not input_gradient else arrays.empty_like(x) if out is None else out
    dy_rows, rows, dx_rows = arrays.as_rows(dy), arrays.as_rows(x), None if dx is None else arrays.as_rows(dx)
    sums = {0: (np.zeros_like(W), np.zeros(len(W)))}  # dW and db of each part, keyed by its first row

    def part(i, j):
        if dx_rows is not None:
            np.matmul(dy_rows[i:j], W, out=dx_rows[i:j])
        sums[i] = np.matmul(dy_rows[i:j].T, rows[i:j]), dy_rows[i:j].sum(axis=0, dtype=np.float64)

    parallel_for(len(rows), x.size + dy.size, part)
    dW, db = (sum(parts) for parts in zip(*(sums[i] for i in sorted(sums)), strict=True))
    return dx, dW, db.astype(dy.dtype)
