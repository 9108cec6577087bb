"""CUDA twin of reference.py: loss and gradient in one pass, by threads that process elements at a stride.

Each thread adds its terms in float64, and counts its elements and its targets that are not from 0 to
1. One copy brings these sums to the CPU (mse/cuda.py). If a target is wrong, the targets are copied
too, and the contract reports the first one; `out` is already written.
"""

from __future__ import annotations

import math

import numpy as np

from ..._cuda import arrays
from ..._cuda.graph import result
from ..._cuda.launch import kernel, on_device
from ..._cuda.target import cuda
from ..mse.contract import check_count
from ..mse.cuda import THREADS, count, counted_rows, reduced
from . import contract


def loss(y, target, mask=None, out=None):
    """Twin of reference.loss."""
    where = "binary_cross_entropy.loss"
    on_device(where, y=y, target=target, mask=mask, out=out)
    contract.check(where, y, target, mask, out)
    dy = arrays.empty_like(y) if out is None else out
    threads, K = min(THREADS, y.size), y.shape[-1]
    total = arrays.empty((3, threads), np.float64)
    loss_kernel(threads, y.flat, target.flat, K, *counted_rows(mask), dy.flat, total.flat)

    def mean(sums):
        value, n, wrong = sums.sum(axis=1).tolist()
        if wrong:
            contract.check_targets(where, y, target.to_host(), None if mask is None else mask.to_host())
        check_count(where, "element", n)
        return value / n

    return result(reduced(total), mean), dy


@kernel("real[::1], real[::1], int64, boolean[::1], int64[::1], real[::1], float64[::1]")
def loss_kernel(y, target, K, mask, counts, dy, total):
    """dy = (σ(y) - target) / n;  total = Σ loss over a thread's elements, their number, and that of wrong targets.

    A thread owns the elements j, j + threads, ... It moves 3 words an element.
    """
    j, threads = cuda.grid(1), total.size // 3
    if j >= threads:
        return
    one, zero = y.dtype.type(1), y.dtype.type(0)
    inv_n = one / y.dtype.type(K * count(mask, counts, y.size // K))
    value, n, wrong = 0.0, 0, 0
    for i in range(j, y.size, threads):
        if mask.size > 0 and not mask[np.uint64(i // K)]:
            dy[np.uint64(i)] = zero
            continue
        score, t = y[np.uint64(i)], target[np.uint64(i)]
        size, m = abs(score), one - t if score > zero else t
        e = math.exp(-size)
        cost = m * size if m > zero else zero  # inf * 0 is 0 here
        value += np.float64(cost + math.log1p(e))
        slope = inv_n * (m - e / (one + e))
        dy[np.uint64(i)] = slope if score > zero else -slope
        n += 1
        wrong += not (t >= zero and t <= one)  # so that NaN is wrong
    total[j], total[threads + j], total[2 * threads + j] = value, n, wrong


def kernels():
    """Yield every kernel."""
    return iter((loss_kernel,))
