"""GPU twin of reference.py: a walker, one thread or a warp if there are many classes, takes every so-manieth row.

The row is read three times, for its largest score, for the sum of exponentials and for the gradient; the first brings
it into a cache. The threads of a warp share the classes, neighbours beside each other, and put what each has found into
shared memory, from where all take the whole in the same order. A walker adds its losses in float64, counts its rows and
the labels among them that are no class number; the sums go to the CPU together (mse/cuda.py), in the one copy for which
the GPU is waited for. Only if there is a wrong label are the labels copied too, for the reference to name the first;
`out` is written by then.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from ... import _check, _device
from ..._cuda import INTEGERS, WARP, cuda, device, kernel, on_device
from ..._graph import result
from ..mse.cuda import WALKERS, count, counted_rows, few, flat
from ..mse.reference import check_count
from . import reference

FEW = 32  # classes that one thread walks: its row is then one or a few lines of the cache


def loss(y, target, mask=None, out=None):
    """Twin of reference.loss."""
    where = "softmax_cross_entropy.loss"
    on_device(where, y=y, target=target, mask=mask, out=out)
    reference.check(where, y, target, mask, out)
    _check.floats(where, y=y)
    dy = _device.empty_like(y) if out is None else out
    K, walkers = y.shape[-1], min(WALKERS, target.size)
    total = _device.empty((3, walkers), np.float64)
    given = flat(y), K, flat(target), *counted_rows(mask), flat(dy), flat(total)
    if K <= FEW:
        loss_kernel(1, target.dtype.name)(walkers, *given)
    elif walkers:
        loss_kernel(WARP, target.dtype.name).launch(walkers, WARP, *given)

    def mean(sums):
        value, n, wrong = sums.sum(axis=1).tolist()
        if wrong:
            reference.check_labels(where, y, target.to_host(), None if mask is None else mask.to_host())
        check_count(where, "label", n)
        return value / n

    return result(few(total), mean), dy


@device
def larger(a, b):
    """The larger of two numbers; NaN is larger than any."""
    return b if b > a or b != b else a


@device
def largest(y, start, K, lane, lanes, shared):
    """The largest score of a row."""
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
    """Σ exp(y - top) of a row."""
    found = y.dtype.type(0)
    for k in range(lane, K, lanes):
        found += math.exp(y[np.uint64(start + k)] - top)
    if lanes > 1:
        shared[lane] = found
        cuda.syncthreads()
        found = y.dtype.type(0)
        for i in range(lanes):
            found += shared[i]
    return found


@functools.cache
def loss_kernel(lanes, labels):
    """dy = (softmax(y) - onehot) / n;  total = Σ log Σ exp(y) - y[label], how many labels count, how many are wrong."""

    @kernel(f"real[::1], int64, {labels}[::1], boolean[::1], int64[::1], real[::1], float64[::1]",
            f"softmax_cross_entropy.loss[{lanes}, {labels}]")  # fmt: skip
    def loss(y, K, target, mask, counts, dy, total):
        walkers, walker, lane = total.size // 3, cuda.grid(1) // lanes, cuda.grid(1) % lanes
        if walker >= walkers:
            return
        tops = cuda.shared.array(lanes, y.dtype)
        parts = cuda.shared.array(lanes, y.dtype)
        value, found, wrong = 0.0, 0, 0
        one, zero = y.dtype.type(1), y.dtype.type(0)
        share = one / y.dtype.type(count(mask, counts, target.size))
        for r in range(walker, target.size, walkers):
            counted, label = mask.size == 0 or mask[np.uint64(r)], np.int64(target[np.uint64(r)])
            start = r * K
            found += counted
            if not counted or label < 0 or label >= K:
                wrong += counted
                for k in range(lane, K, lanes):
                    dy[np.uint64(start + k)] = zero
                continue
            chosen = y[np.uint64(start + label)]
            top = largest(y, start, K, lane, lanes, tops)
            partition = exponentials(y, start, K, top, lane, lanes, parts)
            value += np.float64(math.log(partition)) - np.float64(chosen - top)
            factor = share / partition
            for k in range(lane, K, lanes):
                p = factor * math.exp(y[np.uint64(start + k)] - top)
                dy[np.uint64(start + k)] = p - share if k == label else p
        if lane == 0:
            total[walker], total[walkers + walker], total[2 * walkers + walker] = value, found, wrong

    return loss


def kernels():
    """Every kernel, in every variant."""
    return (loss_kernel(lanes, labels) for lanes in (1, WARP) for labels in INTEGERS)
