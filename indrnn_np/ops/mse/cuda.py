"""CUDA twin of reference.py: loss and gradient in one pass, by threads that process elements at a stride.

Each thread adds its terms in float64. One kernel reduces the sums of many threads to PARTS sums,
which the CPU copies and adds. The order of every sum depends on sizes alone. With a mask, a kernel
first counts the rows in COUNTERS parts. Every thread of the loss adds these counts, because the
gradient needs their total.
"""

from __future__ import annotations

import numpy as np

from ..._cuda import arrays
from ..._cuda.graph import result
from ..._cuda.launch import device, greater, kernel, on_device
from ..._cuda.target import cuda
from . import contract

THREADS = 2**16  # threads of the loss, at most
PARTS = 2**10  # sums that are copied to the CPU, at most
COUNTERS = 2**8  # threads that count a mask, at most


def loss(y, target, mask=None, out=None):
    """Twin of reference.loss."""
    where = "mse.loss"
    on_device(where, y=y, target=target, mask=mask, out=out)
    contract.check(where, y, target, mask, out)
    dy = arrays.empty_like(y) if out is None else out
    threads, K = min(THREADS, y.size), y.shape[-1]
    total = arrays.empty((2, threads), np.float64)
    loss_kernel(threads, y.flat, target.flat, K, *counted_rows(mask), dy.flat, total.flat)

    def mean(sums):
        value, n = sums.sum(axis=1).tolist()
        contract.check_count(where, "element", n)
        return value / n

    return result(reduced(total), mean), dy


def counted_rows(mask):
    """Return the flat mask and partial counts of its rows; both are empty without a mask."""
    if mask is None:
        return arrays.empty(0, np.bool_), arrays.empty(0, np.int64)
    counts = arrays.empty(min(COUNTERS, mask.size), np.int64)
    count_kernel(counts.size, mask.flat, counts)
    return mask.flat, counts


def reduced(total):
    """Return float64 sums (rows, columns) with the same total in each row, and at most PARTS columns."""
    rows, threads = total.shape
    if threads <= PARTS:
        return total
    parts = arrays.empty((rows, PARTS), np.float64)
    add_kernel(parts.size, total.flat, threads, parts.flat)
    return parts


@device
def count(mask, counts, rows):
    """Return the number of rows in the mask, at least 1."""
    n = 0 if mask.size > 0 else rows
    for i in range(counts.size):
        n += counts[i]
    return greater(n, 1)


@kernel("boolean[::1], int64[::1]")
def count_kernel(mask, counts):
    """counts[j] = number of the rows j, j + counts.size, ... in the mask. A thread owns one count; 1 byte a row."""
    j = cuda.grid(1)
    if j >= counts.size:
        return
    n = 0
    for i in range(j, mask.size, counts.size):
        if mask[np.uint64(i)]:
            n += 1
    counts[j] = n


@kernel("real[::1], real[::1], int64, boolean[::1], int64[::1], real[::1], float64[::1]")
def loss_kernel(y, target, K, mask, counts, dy, total):
    """dy = 2 (y - target) / n;  total = Σ (y - target)² over a thread's elements, and their number.

    A thread owns the elements j, j + threads, ... It moves 3 words an element.
    """
    j, threads = cuda.grid(1), total.size // 2
    if j >= threads:
        return
    factor = y.dtype.type(2) / y.dtype.type(K * count(mask, counts, y.size // K))
    value, n = 0.0, 0
    for i in range(j, y.size, threads):
        difference = y.dtype.type(0)
        if mask.size == 0 or mask[np.uint64(i // K)]:
            difference = y[np.uint64(i)] - target[np.uint64(i)]
            value += np.float64(difference) * np.float64(difference)
            n += 1
        dy[np.uint64(i)] = factor * difference
    total[j], total[threads + j] = value, n


@kernel("float64[::1], int64, float64[::1]")
def add_kernel(total, threads, parts):
    """In each row: parts[p] = total[p] + total[p + PARTS] + ... A thread owns one part; 1 word an element of total."""
    j = cuda.grid(1)
    if j >= parts.size:
        return
    row, p = j // PARTS, j % PARTS
    part = 0.0
    for i in range(p, threads, PARTS):
        part += total[np.uint64(row * threads + i)]
    parts[j] = part


def kernels():
    """Yield every kernel."""
    return iter((count_kernel, loss_kernel, add_kernel))
