"""CUDA twin of reference.py: groups of threads process rows at a fixed stride.

A group is one thread, or a warp for rows with many classes. It reads a row three times: for its
largest score, for the sum of exponentials and for the gradient. The first read brings the row into
the cache. The threads of a warp share the classes; neighbouring threads have neighbouring classes.
They reduce through shared memory, all in the same order. A group adds its losses in float64, and
counts its rows and its invalid labels. One copy brings these sums to the CPU (mse/cuda.py), and only
this copy waits for the GPU. If a label is invalid, the labels are copied too, and the reference
reports the first one; `out` is already written.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from ... import _check
from ..._cuda import arrays
from ..._cuda.graph import result
from ..._cuda.launch import device, kernel, on_device
from ..._cuda.target import INTEGERS, WARP, cuda
from ..mse.contract import check_count
from ..mse.cuda import count, counted_rows, reduced
from . import contract

GROUPS = 2**16  # groups of threads, at most
ONE_THREAD = 32  # classes of a row that one thread processes: the row is one or a few cache lines


def loss(y, target, mask=None, weights=None, smoothing=0.0, out=None):
    """Twin of reference.loss without class weights and label smoothing."""
    where = "softmax_cross_entropy.loss"
    on_device(where, y=y, target=target, mask=mask, out=out)
    smoothing = contract.check(where, y, target, mask, out, None, smoothing)
    refuse_options(where, weights, smoothing)
    dy = arrays.empty_like(y) if out is None else out
    K, groups = y.shape[-1], min(GROUPS, target.size)
    total = arrays.empty((3, groups), np.float64)
    arguments = y.flat, K, target.flat, *counted_rows(mask), dy.flat, total.flat
    if K <= ONE_THREAD:
        loss_kernel(1, target.dtype.name)(groups, *arguments)
    elif groups:
        loss_kernel(WARP, target.dtype.name).launch(groups, WARP, *arguments)

    def mean(sums):
        value, n, wrong = sums.sum(axis=1).tolist()
        if wrong:
            contract.check_labels(where, y, target.to_host(), None if mask is None else mask.to_host())
        check_count(where, "label", n)
        return value / n

    return result(reduced(total), mean), dy


def refuse_options(where, weights, smoothing):
    """Raise an error for class weights and label smoothing."""
    because = "on backend 'cuda', because its kernels have neither weights nor smoothing (docs/cuda.md)"
    if weights is not None:
        _check.fail(where, "weights is set", "None", because)
    if smoothing:
        _check.fail(where, f"smoothing is {smoothing}", "0", because)


@device
def larger(a, b):
    """Return the larger of two numbers; NaN is larger than any number."""
    return b if b > a or b != b else a


@device
def largest(y, start, K, lane, lanes, shared):
    """Return the largest score of a row."""
    top = y.dtype.type(-math.inf)
    for k in range(lane, K, lanes):
        top = larger(top, y[np.uint64(start + k)])
    if lanes > 1:
        shared[lane] = top
        cuda.syncthreads()
        for i in range(lanes):
            top = larger(top, shared[i])
    return top


@device
def exponentials(y, start, K, top, lane, lanes, shared):
    """Return Σ exp(y - top) of a row."""
    total = y.dtype.type(0)
    for k in range(lane, K, lanes):
        total += math.exp(y[np.uint64(start + k)] - top)
    if lanes > 1:
        shared[lane] = total
        cuda.syncthreads()
        total = y.dtype.type(0)
        for i in range(lanes):
            total += shared[i]
    return total


@functools.cache
def loss_kernel(lanes, labels):
    """dy = (softmax(y) - onehot) / n;  total = Σ (log Σ exp(y) - y[label]), and the counted and invalid labels.

    A group of threads owns every GROUPS-th row. It moves 4 words an element, of which 2 reads are from the cache.
    """

    @kernel(f"real[::1], int64, {labels}[::1], boolean[::1], int64[::1], real[::1], float64[::1]",
            f"softmax_cross_entropy.loss[{lanes}, {labels}]")  # fmt: skip
    def loss(y, K, target, mask, counts, dy, total):
        groups, group, lane = total.size // 3, cuda.grid(1) // lanes, cuda.grid(1) % lanes
        if group >= groups:
            return
        tops = cuda.shared.array(lanes, y.dtype)
        parts = cuda.shared.array(lanes, y.dtype)
        value, n, wrong = 0.0, 0, 0
        one, zero = y.dtype.type(1), y.dtype.type(0)
        inv_n = one / y.dtype.type(count(mask, counts, target.size))
        for r in range(group, target.size, groups):
            counted, label = mask.size == 0 or mask[np.uint64(r)], np.int64(target[np.uint64(r)])
            start = r * K
            n += counted
            if not counted or label < 0 or label >= K:
                wrong += counted
                for k in range(lane, K, lanes):
                    dy[np.uint64(start + k)] = zero
                continue
            label_score = y[np.uint64(start + label)]
            top_score = largest(y, start, K, lane, lanes, tops)
            partition = exponentials(y, start, K, top_score, lane, lanes, parts)
            value += np.float64(math.log(partition)) - np.float64(label_score - top_score)
            factor = inv_n / partition
            for k in range(lane, K, lanes):
                p = factor * math.exp(y[np.uint64(start + k)] - top_score)
                dy[np.uint64(start + k)] = p - inv_n if k == label else p
        if lane == 0:
            total[group], total[groups + group], total[2 * groups + group] = value, n, wrong

    return loss


def kernels():
    """Return every kernel in every variant."""
    return (loss_kernel(lanes, labels) for lanes in (1, WARP) for labels in INTEGERS)
