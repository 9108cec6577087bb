"""Compiled twin of reference.tangent: the sums of `backward` over ẋ in place of dy, then one pass."""

from __future__ import annotations

from functools import partial

import numpy as np

from ... import _check
from ..._cpu.arrays import empty_like
from ..._cpu.jit import njit
from ..._cpu.threads import parallel_for
from . import contract, reference
from .cpu import gradient_sums


def tangent(x_dot, x, mean, var, scale, scale_dot, shift_dot, eps=1e-5, lengths=None, per_step=False):
    """Twin of reference.tangent."""
    contract.check_tangent(
        "batchnorm.tangent", x_dot, x, mean, var, scale, scale_dot, shift_dot, eps, lengths, per_step
    )
    _check.floats("batchnorm.tangent", x=x)
    y_dot, rstd = empty_like(x), 1 / np.sqrt(var + x.dtype.type(eps))
    ends, sum_x_dot, sum_product = gradient_sums(x_dot, x, mean, lengths, per_step)
    n = reference.counts(x, lengths, per_step)[1]
    # With d = ẋ - mean ẋ: ẏ = scale rstd d + slope (x - mean) + shift_dot
    factor, mean_x_dot = scale * rstd, (sum_x_dot / n).astype(x.dtype)
    slope = (scale_dot * rstd - factor * (rstd * rstd * (sum_product / n))).astype(x.dtype)
    fill = partial(_fill, x_dot, x, mean, factor, mean_x_dot, slope, shift_dot, ends, y_dot)
    parallel_for(len(x), x.size, fill)
    return y_dot


@njit
def _fill(x_dot, x, mean, factor, mean_x_dot, slope, shift_dot, ends, y_dot, t0, t1):
    """Fill y_dot for time steps t0 to t1, with zero in padding."""
    for t in range(t0, t1):
        row = t if len(mean) > 1 else 0
        for b in range(x.shape[1]):
            if t < ends[b]:
                for j in range(x.shape[2]):
                    scaled = factor[row, j] * (x_dot[t, b, j] - mean_x_dot[row, j])
                    y_dot[t, b, j] = scaled + slope[row, j] * (x[t, b, j] - mean[row, j]) + shift_dot[j]
            else:
                y_dot[t, b] = x.dtype.type(0)
