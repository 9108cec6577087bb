"""Compiled twin of reference.py: each time step is multiplied by one mask (B, H)."""

from __future__ import annotations

import math

import numpy as np

from ... import _check
from ..._cpu import arrays
from ..._cpu.jit import njit
from ..._cpu.threads import parallel_for
from ..random import cpu as random
from . import contract, reference


def forward(x, rate, key, out=None):
    """Twin of reference.forward."""
    return _apply("dropout.forward", "x", x, rate, key, out)


def backward(dy, rate, key, out=None):
    """Twin of reference.backward."""
    return _apply("dropout.backward", "dy", dy, rate, key, out)


def _apply(where, name, x, rate, key, out):
    """Multiply x by the mask; `name` is the name of x in errors."""
    rate = contract.check(where, x, rate, out, name)
    _check.floats(where, **{name: x})
    y = arrays.empty_like(x) if out is None else out
    columns, T = math.prod(x.shape[-2:]), math.prod(x.shape[:-2])
    factors = mask(x.shape[-2:], rate, key, x.dtype).reshape(-1)
    rows, out_rows = x.reshape(T, columns), y.reshape(T, columns)
    parallel_for(T, x.size, lambda t0, t1: _multiply(rows, factors, out_rows, t0, t1))
    return y


def mask(shape, rate, key, dtype):
    """Twin of reference.mask."""
    rate, dtype = contract.check_mask("dropout.mask", rate, dtype)
    number, bits = np.dtype(dtype).type, random.bits(key, math.prod(shape))
    kept = bits >= np.uint32(reference.threshold(rate))
    return np.where(kept, number(1 / (1 - rate)), number(0)).reshape(shape)


@njit
def _multiply(x, mask, y, t0, t1):
    """Set rows t0 to t1 of y to mask ⊙ x."""
    for t in range(t0, t1):
        for j in range(x.shape[1]):
            y[t, j] = x[t, j] * mask[j]
