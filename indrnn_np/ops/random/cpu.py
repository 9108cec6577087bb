"""Compiled twin of reference.py."""

from __future__ import annotations

import math

import numpy as np

from ..._cpu.jit import njit
from . import contract
from .philox import block, key_words


def bits(key, count):
    """Twin of reference.bits."""
    contract.check_bits("random.bits", key, count)
    words = np.empty(-(-count // 4) * 4, np.uint32)
    fill(*key_words("random.bits", key), 0, words)
    return words[:count]


def uniform(key, shape, dtype="float32"):
    """Twin of reference.uniform."""
    dtype = contract.check_uniform("random.uniform", shape, dtype)
    out = np.empty(math.prod(shape), dtype)
    words = bits(key, out.size * (1 if dtype == np.float32 else 2))
    (to_float32 if dtype == np.float32 else to_float64)(words, out)
    return out.reshape(shape)


@njit
def fill(seed, stream, iteration, first, words):
    """Fill `words` with the counter blocks from block `first` on."""
    for i in range(len(words) // 4):
        c0, c1, c2, c3 = block(first + i, seed, stream, iteration)
        words[4 * i], words[4 * i + 1] = np.uint32(c0), np.uint32(c1)
        words[4 * i + 2], words[4 * i + 3] = np.uint32(c2), np.uint32(c3)


@njit
def to_float32(words, out):
    """Compute a number in [0, 1) from the upper 24 bits of each word."""
    for i in range(len(out)):
        out[i] = np.float32(words[i] >> np.uint32(8)) * np.float32(2.0**-24)


@njit
def to_float64(words, out):
    """Compute a number in [0, 1) from 27 and 26 bits of two words."""
    for i in range(len(out)):
        high, low = np.uint64(words[2 * i] >> np.uint32(5)), np.uint64(words[2 * i + 1] >> np.uint32(6))
        out[i] = np.float64(high * np.uint64(2**26) + low) * 2.0**-53
