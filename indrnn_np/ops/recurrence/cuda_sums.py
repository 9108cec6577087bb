"""Add the sums over time that backward has for each sample: gradients of u and of the bias, a column a neuron."""

from __future__ import annotations

import functools

import numpy as np

from ..._cuda.launch import kernel
from ..._cuda.reduction import LANES, column_sum
from ..._cuda.target import cuda


@functools.cache
def sum_kernel(lanes):
    """du[n] = Σ_b sums[0, b, n] and db[n] = Σ_b sums[1, b, n]. A group of threads owns one neuron; 1 word a sum."""

    @kernel("float64[::1], int64, int64, real[::1], real[::1]", f"recurrence.sum[{lanes}]")
    def sum_samples(sums, B, H, du, db):
        n, lane = cuda.grid(1) // lanes, cuda.grid(1) % lanes
        if n >= H:
            return
        shared_du = cuda.shared.array(
            lanes, np.float64
        )  # separate lines: the simulator identifies arrays by line
        shared_db = cuda.shared.array(lanes, np.float64)
        du_n = column_sum(sums, n, H, B, lane, lanes, shared_du)
        db_n = column_sum(sums, B * H + n, H, B, lane, lanes, shared_db)
        if lane == 0:
            du[n], db[n] = du_n, db_n

    return sum_samples


def kernels():
    """Yield the kernel in every variant."""
    return map(sum_kernel, LANES)
