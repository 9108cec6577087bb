"""Compiled twin of reference.py."""

from __future__ import annotations

import math

import numpy as np

from ..._numba import njit
from . import reference

M0, M1 = (np.uint64(m) for m in reference.MULTIPLIERS)
W0, W1 = (np.uint64(w) for w in reference.WEYL)
ROUNDS = reference.ROUNDS
LOW, HALF = np.uint64(0xFFFFFFFF), np.uint64(32)


def bits(key, count):
    """Twin of reference.bits."""
    seed, stream, iteration = reference.check_key("random.bits", key)
    out = np.empty(-(-count // 4) * 4, np.uint32)
    _philox(np.uint64(stream), np.uint64(iteration), np.uint64(seed), out)
    return out[:count]


def uniform(key, shape, dtype="float32"):
    """Twin of reference.uniform."""
    dtype = reference.check_uniform("random.uniform", shape, dtype)
    out = np.empty(math.prod(shape), dtype)
    words = bits(key, out.size * (1 if dtype == np.float32 else 2))
    (_to_float32 if dtype == np.float32 else _to_float64)(words, out)
    return out.reshape(shape)


@njit
def _philox(stream, iteration, seed, out):
    for i in range(len(out) // 4):
        c0, c1, c2, c3 = np.uint64(i), stream, iteration & LOW, iteration >> HALF
        k0, k1 = seed & LOW, seed >> HALF
        for _ in range(ROUNDS):
            p0, p1 = c0 * M0, c2 * M1
            c0, c1, c2, c3 = (p1 >> HALF) ^ c1 ^ k0, p1 & LOW, (p0 >> HALF) ^ c3 ^ k1, p0 & LOW
            k0, k1 = (k0 + W0) & LOW, (k1 + W1) & LOW
        out[4 * i], out[4 * i + 1] = np.uint32(c0), np.uint32(c1)
        out[4 * i + 2], out[4 * i + 3] = np.uint32(c2), np.uint32(c3)


@njit
def _to_float32(words, out):
    for i in range(len(out)):
        out[i] = np.float32(words[i] >> np.uint32(8)) * np.float32(2.0**-24)


@njit
def _to_float64(words, out):
    for i in range(len(out)):
        high, low = np.uint64(words[2 * i] >> np.uint32(5)), np.uint64(words[2 * i + 1] >> np.uint32(6))
        out[i] = np.float64(high * np.uint64(2**26) + low) * 2.0**-53
