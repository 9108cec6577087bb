"""CPU twin of reference.tangent: threads share the rows."""

from __future__ import annotations

import numpy as np

from ... import _check
from ..._cpu.arrays import as_rows, empty
from ..._cpu.threads import parallel_for
from . import contract


def tangent(x_dot, x, W, W_dot, b_dot):
    """Twin of reference.tangent."""
    contract.check_tangent("affine.tangent", x_dot, x, W, W_dot, b_dot)
    _check.floats("affine.tangent", x=x)
    y_dot = empty((*x.shape[:-1], len(W)), x.dtype)
    dot_rows, rows, out_rows = as_rows(x_dot), as_rows(x), as_rows(y_dot)

    def part(i, j):
        np.matmul(dot_rows[i:j], W.T, out=out_rows[i:j])
        out_rows[i:j] += rows[i:j] @ W_dot.T + b_dot

    parallel_for(len(rows), x.size + y_dot.size, part)
    return y_dot
