"""Compute a counter block of Philox4x32-10 as scalars, for the CPU loop and the CUDA kernels.

All words are uint64, so the product of two 32-bit words does not overflow.
"""

from __future__ import annotations

import numpy as np

from ..._cpu.jit import njit
from . import contract, reference

M0, M1 = (np.uint64(m) for m in reference.MULTIPLIERS)
W0, W1 = (np.uint64(w) for w in reference.WEYL)
ROUNDS = reference.ROUNDS
LOW, HALF = np.uint64(0xFFFFFFFF), np.uint64(32)


@njit(inline="always")  # a call would keep the CPU loop from vectorising, which is 9 times slower
def block(i, seed, stream, iteration):
    """Return words 4 i to 4 i + 3 of the stream of a key (three uint64)."""
    c0, c1, c2, c3 = np.uint64(i), stream, iteration & LOW, iteration >> HALF
    k0, k1 = seed & LOW, seed >> HALF
    for _ in range(ROUNDS):
        p0, p1 = c0 * M0, c2 * M1
        c0, c1, c2, c3 = (p1 >> HALF) ^ c1 ^ k0, p1 & LOW, (p0 >> HALF) ^ c3 ^ k1, p0 & LOW
        k0, k1 = (k0 + W0) & LOW, (k1 + W1) & LOW
    return c0, c1, c2, c3


def key_words(where, key):
    """Check the key, and return it as three uint64."""
    return tuple(np.uint64(part) for part in contract.check_key(where, key))
