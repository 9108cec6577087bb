"""Philox4x32-10 in plain NumPy, on whole arrays of counters."""

from __future__ import annotations

import math

import numpy as np

from . import contract

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10
MASK = np.uint64(0xFFFFFFFF)


def bits(key, count):
    """Return the first `count` 32-bit numbers of the stream.

    Parameters
    ----------
    key : tuple of 3 int
        (seed, stream, iteration), with 0 <= seed, iteration < 2⁶⁴ and 0 <= stream < 2³².
    count : int
        Number of 32-bit numbers.

    Returns
    -------
    uint32 array (count,)
        Random bits.

    Raises
    ------
    ValueError
        If a part of the key is out of range.
    """
    seed, stream, iteration = contract.check_bits("random.bits", key, count)
    blocks = -(-count // 4)
    constants = (stream, iteration & 0xFFFFFFFF, iteration >> 32)
    counter = [np.arange(blocks, dtype=np.uint64), *(np.full(blocks, c, np.uint64) for c in constants)]
    words = philox(counter, (seed & 0xFFFFFFFF, seed >> 32))
    return np.stack(words, axis=1).astype(np.uint32).reshape(-1)[:count]


def philox(counter, key):
    """Apply ten rounds to arrays of four counter words; uint64 keeps products from overflowing."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(ROUNDS):
        p0, p1 = c0 * np.uint64(MULTIPLIERS[0]), c2 * np.uint64(MULTIPLIERS[1])
        c0, c1, c2, c3 = (
            (p1 >> 32) ^ c1 ^ np.uint64(k0),
            p1 & MASK,
            (p0 >> 32) ^ c3 ^ np.uint64(k1),
            p0 & MASK,
        )
        k0, k1 = (k0 + WEYL[0]) & 0xFFFFFFFF, (k1 + WEYL[1]) & 0xFFFFFFFF
    return c0, c1, c2, c3


def uniform(key, shape, dtype="float32"):
    """Return numbers in [0, 1), multiples of 2⁻²⁴ (float32) or 2⁻⁵³ (float64), in C order."""
    dtype = contract.check_uniform("random.uniform", shape, dtype)
    count = math.prod(shape)
    if dtype == np.float32:
        return ((bits(key, count) >> 8).astype(np.float32) * np.float32(2.0**-24)).reshape(shape)
    words = bits(key, 2 * count).astype(np.uint64).reshape(-1, 2)
    return (((words[:, 0] >> 5) * 2**26 + (words[:, 1] >> 6)).astype(np.float64) * 2.0**-53).reshape(shape)
