"""GPU twin of reference.py: a thread makes the factor of one element (b, h) and multiplies a run of steps by it.

The mask is made in registers from the element's word of random bits, about a hundred instructions, and is never stored;
a run of ROWS steps makes that few an element. Neighbouring threads have neighbouring elements, so memory is read and
written in order, with the loads of AHEAD steps under way. `out` may be x itself: each number is read before it is
written, by the same thread.
"""

from __future__ import annotations

import math

import numpy as np

from ... import _check, _device
from ..._cuda import cuda, kernel, lesser, on_device
from ..._graph import numbers
from ..._recording import now
from ..random import cuda as random
from . import reference

ROWS = 32  # steps of a thread
AHEAD = 8  # steps whose loads are under way


def forward(x, rate, key, out=None):
    """Twin of reference.forward."""
    return _apply("dropout.forward", x, rate, key, out)


def backward(dy, rate, key, out=None):
    """Twin of reference.backward."""
    return _apply("dropout.backward", dy, rate, key, out)


def mask(shape, rate, key, dtype):
    """Twin of reference.mask."""
    _check.between("dropout.mask", "rate", rate, 0.0, 1.0)
    out = _device.empty(tuple(shape), dtype)
    mask_kernel(out.size, *_choice(rate, key, out.dtype), out.reshape(-1))
    return out


def _apply(where, x, rate, key, out):
    on_device(where, x=x, out=out)
    reference.check(where, x, rate, out)
    _check.floats(where, x=x)
    y = _device.empty_like(x) if out is None else out
    columns, T = math.prod(x.shape[-2:]), math.prod(x.shape[:-2])
    choice, runs = _choice(rate, key, x.dtype), -(-T // ROWS)
    apply_kernel(columns * runs, x.reshape(-1), T, columns, *choice, y.reshape(-1))
    return y


def _choice(rate, key, dtype):
    """The key's words and where a graph has the last of them, the least word that keeps an element, and its factor."""

    def words():
        return random.key_words("random.bits", [now(part) for part in key])

    iteration = numbers(lambda: words()[2:], np.uint64)
    return *words()[:2], *iteration, np.uint64(reference.threshold(rate)), dtype.type(1 / (1 - rate))


@kernel(
    "real[::1], int64, int64, uint64, uint64, uint64, uint64[::1], uint64, real, real[::1]", "dropout.apply"
)
def apply_kernel(x, T, columns, seed, stream, iteration, late, least, kept, y):
    """y_t = m x_t / (1 - rate) for one element in ROWS steps, or in those that are left."""
    n = cuda.grid(1)
    run = n // columns
    j, first = n - run * columns, run * ROWS
    if first >= T:
        return
    if late.size > 0:
        iteration = late[0]
    m = kept if random.word(j, seed, stream, iteration) >= least else x.dtype.type(0)
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
def mask_kernel(seed, stream, iteration, late, least, kept, out):
    """The mask alone."""
    j = cuda.grid(1)
    if late.size > 0:
        iteration = late[0]
    if j < out.size:
        out[j] = kept if random.word(j, seed, stream, iteration) >= least else out.dtype.type(0)


def kernels():
    """Every kernel, in every variant."""
    return iter((apply_kernel, mask_kernel))
