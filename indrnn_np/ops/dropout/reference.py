"""Dropout in plain NumPy."""

from __future__ import annotations

import math

import numpy as np

from ... import _check
from ..random import reference as random


def forward(x, rate, key, out=None):
    """Zero a share `rate` of the neurons of each sample, for the whole sequence, and scale the others by 1
    / (1 - rate).

    Reads      x (..., B, H), 0 <= rate < 1, key = (seed, stream, iteration)
    Returns    y of the shape of x; it is `out` if given
    Raises     ValueError naming what is wrong
    """
    check("dropout.forward", x, rate, out)
    y = x * mask(x.shape[-2:], rate, key, x.dtype)
    if out is None:
        return y
    out[...] = y
    return out


def backward(dy, rate, key, out=None):
    """The gradient takes the same mask: dx = m ⊙ dy / (1 - rate)."""
    check("dropout.backward", dy, rate, out)
    # forward: y = x * mask
    return forward(dy, rate, key, out)


def mask(shape, rate, key, dtype):
    """The mask alone, zeros and 1 / (1 - rate), of shape (B, H)."""
    _check.between("dropout.mask", "rate", rate, 0.0, 1.0)
    kept = random.bits(key, math.prod(shape)) >= np.uint32(threshold(rate))
    return (kept / (1 - rate)).astype(dtype).reshape(shape)


def threshold(rate):
    """The word below which an element is dropped: rate·2³²."""
    return int(rate * 2.0**32)


def check(where, x, rate, out):
    """The contract, shared with the twin."""
    _check.array(where, "x", x, (2, 3), "(B, H) or (T, B, H)")
    _check.floats(where, _check.FLOATS, x=x, out=out)
    _check.between(where, "rate", rate, 0.0, 1.0)
    if out is not None:
        _check.array(where, "out", out)
        _check.matches(where, "out", out, x.shape, "x", x)
