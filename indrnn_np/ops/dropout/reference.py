"""Dropout in plain NumPy."""

from __future__ import annotations

import math

import numpy as np

from ..random import reference as random
from . import contract


def forward(x, rate, key, out=None):
    """Zero a fraction `rate` of the neurons of each sample at all time steps, and scale the others.

        y = m ⊙ x / (1 - rate)

    Parameters
    ----------
    x : array (..., B, H)
        Inputs.
    rate : float
        Probability of zero, 0 <= rate < 1.
    key : tuple of 3 int
        (seed, stream, iteration), with 0 <= seed, iteration < 2⁶⁴ and 0 <= stream < 2³².
    out : array (..., B, H), optional
        Array for the result.

    Returns
    -------
    y : array (..., B, H)
        Outputs. This is `out` unless that is None.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, dtype or layout.
    """
    rate = contract.check("dropout.forward", x, rate, out)
    y = x * mask(x.shape[-2:], rate, key, x.dtype)
    if out is None:
        return y
    out[...] = y
    return out


def backward(dy, rate, key, out=None):
    """Return the gradient of x, which has the same mask: dx = m ⊙ dy / (1 - rate)."""
    rate = contract.check("dropout.backward", dy, rate, out, "dy")
    # forward: y = x * mask
    return forward(dy, rate, key, out)


def tangent(x_dot, rate, key):
    """Return the directional derivative of y, which has the same mask: ẏ = m ⊙ ẋ / (1 - rate)."""
    rate = contract.check("dropout.tangent", x_dot, rate, None, "x_dot")
    # forward: y = x * mask
    return forward(x_dot, rate, key)


def mask(shape, rate, key, dtype):
    """Return the mask of `shape` (B, H), with the values 0 and 1 / (1 - rate)."""
    rate, dtype = contract.check_mask("dropout.mask", rate, dtype)
    kept = random.bits(key, math.prod(shape)) >= np.uint32(threshold(rate))
    return (kept / (1 - rate)).astype(dtype).reshape(shape)


def threshold(rate):
    """Return the 32-bit number below which an element is dropped: rate·2³²."""
    return int(rate * 2.0**32)
