"""CUDA twin of reference.py: a thread computes the factor of one element (b, h) and applies it to ROWS steps.

The factor follows from the random bits of the element, in about a hundred instructions, and stays in
a register. ROWS time steps share these instructions. Neighbouring threads have neighbouring elements,
so memory accesses are coalesced. The loads of AHEAD time steps are in flight together. `out` may be x
itself, because the thread that writes a number is the one that has read it.
"""

from __future__ import annotations

import math

import numpy as np

from ..._cuda import arrays
from ..._cuda.graph import numbers
from ..._cuda.launch import kernel, lesser, on_device
from ..._cuda.target import cuda
from ..random import cuda as random
from . import contract, reference

ROWS = 32  # time steps of a thread
AHEAD = 8  # time steps whose loads are in flight


def forward(x, rate, key, out=None):
    """Twin of reference.forward."""
    return _apply("dropout.forward", "x", x, rate, key, out)


def backward(dy, rate, key, out=None):
    """Twin of reference.backward."""
    return _apply("dropout.backward", "dy", dy, rate, key, out)


def mask(shape, rate, key, dtype):
    """Twin of reference.mask."""
    rate, dtype = contract.check_mask("dropout.mask", rate, dtype)
    out = arrays.empty(tuple(shape), dtype)
    mask_kernel(out.size, *_mask_arguments(rate, key, out.dtype), out.flat)
    return out


def _apply(where, name, x, rate, key, out):
    on_device(where, **{name: x}, out=out)
    rate = contract.check(where, x, rate, out, name)
    y = arrays.empty_like(x) if out is None else out
    columns, T = math.prod(x.shape[-2:]), math.prod(x.shape[:-2])
    mask_arguments, runs = _mask_arguments(rate, key, x.dtype), -(-T // ROWS)
    apply_kernel(columns * runs, x.flat, T, columns, *mask_arguments, y.flat)
    return y


def _mask_arguments(rate, key, dtype):
    """Return the words of the key, the array that holds the iteration in a graph, the threshold and the factor."""
    seed, stream, iteration = random.key_words("random.bits", key)
    changing = numbers(lambda iteration: (iteration,), np.uint64, iteration=iteration)
    return seed, stream, *changing, np.uint64(reference.threshold(rate)), dtype.type(1 / (1 - rate))


@kernel(
    "real[::1], int64, int64, uint64, uint64, uint64, uint64[::1], uint64, real, real[::1]", "dropout.apply"
)
def apply_kernel(x, T, columns, seed, stream, iteration, at_launch, threshold, factor, y):
    """y_t = m x_t / (1 - rate), m is 0 or 1. A thread owns an element at up to ROWS time steps; 2 words an element."""
    n = cuda.grid(1)
    run = n // columns  # of ROWS time steps
    j, first = n - run * columns, run * ROWS
    if first >= T:
        return
    if at_launch.size > 0:
        iteration = at_launch[0]
    m = factor if random.word(j, seed, stream, iteration) >= threshold else x.dtype.type(0)
    ahead = cuda.local.array(AHEAD, x.dtype)
    steps, p = lesser(ROWS, T - first), first * columns + j
    for _ in range(steps // AHEAD):
        q = p
        for k in range(AHEAD):
            ahead[k] = x[np.uint64(p)]
            p += columns
        for k in range(AHEAD):
            y[np.uint64(q)] = ahead[k] * m
            q += columns
    for _ in range(steps % AHEAD):
        y[np.uint64(p)] = x[np.uint64(p)] * m
        p += columns


@kernel("uint64, uint64, uint64, uint64[::1], uint64, real, real[::1]", "dropout.mask")
def mask_kernel(seed, stream, iteration, at_launch, threshold, factor, out):
    """out = m / (1 - rate), m is 0 or 1. A thread owns one element; 1 word an element."""
    j = cuda.grid(1)
    if at_launch.size > 0:
        iteration = at_launch[0]
    if j < out.size:
        out[j] = factor if random.word(j, seed, stream, iteration) >= threshold else out.dtype.type(0)


def kernels():
    """Yield every kernel, in every variant."""
    return iter((apply_kernel, mask_kernel))
