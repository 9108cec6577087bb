"""CUDA twin of reference.py: a thread computes one counter block of 4 words and writes its numbers.

An array has room for whole blocks, so every thread writes all of its block; the result is a slice of
it. Kernels of other ops call `word`, `uniform32` and `uniform64` to compute single numbers.
"""

from __future__ import annotations

import math

import numpy as np

from ..._cuda import arrays
from ..._cuda.launch import device, kernel
from ..._cuda.target import cuda
from . import contract
from .philox import block as host_block
from .philox import key_words

SCALE32, SCALE64 = np.float32(2.0**-24), 2.0**-53
BITS5, BITS6, BITS8, TWO_26 = (np.uint64(n) for n in (5, 6, 8, 2**26))


def bits(key, count):
    """Twin of reference.bits."""
    words = key_words("random.bits", key)
    blocks = -(-count // 4)
    out = arrays.empty(4 * blocks, np.uint32)
    bits_kernel(blocks, *words, out)
    return out[:count]


def uniform(key, shape, dtype="float32"):
    """Twin of reference.uniform."""
    dtype = contract.check_uniform("random.uniform", shape, dtype)
    words, count = key_words("random.bits", key), math.prod(shape)
    run, numbers = (uniform32_kernel, 4) if dtype == np.float32 else (uniform64_kernel, 2)
    blocks = -(-count // numbers)
    out = arrays.empty(numbers * blocks, dtype)
    run(blocks, *words, out)
    return out[:count].reshape(tuple(shape))


block = device(getattr(host_block, "py_func", host_block))


@device
def word(n, seed, stream, iteration):
    """Return word n of the stream, as uint64."""
    c0, c1, c2, c3 = block(n // 4, seed, stream, iteration)
    k = n % 4
    if k < 2:
        return c0 if k == 0 else c1
    return c2 if k == 2 else c3


@device
def to_float32(c):
    """Return a number in [0, 1) from the upper 24 bits of a word."""
    return np.float32(c >> BITS8) * SCALE32


@device
def to_float64(high, low):
    """Return a number in [0, 1) from the upper 27 and 26 bits of two words."""
    return np.float64((high >> BITS5) * TWO_26 + (low >> BITS6)) * SCALE64


@device
def uniform32(n, seed, stream, iteration):
    """Return number n of the float32 stream."""
    return to_float32(word(n, seed, stream, iteration))


@device
def uniform64(n, seed, stream, iteration):
    """Return number n of the float64 stream."""
    c0, c1, c2, c3 = block(n // 2, seed, stream, iteration)
    return to_float64(c0, c1) if n % 2 == 0 else to_float64(c2, c3)


@kernel("uint64, uint64, uint64, uint32[::1]", "random.bits")
def bits_kernel(seed, stream, iteration, out):
    """out = the words of the stream. A thread owns a block; it writes 4 words."""
    i = 4 * cuda.grid(1)
    if i >= out.size:
        return
    c0, c1, c2, c3 = block(i // 4, seed, stream, iteration)
    out[i], out[i + 1] = np.uint32(c0), np.uint32(c1)
    out[i + 2], out[i + 3] = np.uint32(c2), np.uint32(c3)


@kernel("uint64, uint64, uint64, float32[::1]", "random.uniform32")
def uniform32_kernel(seed, stream, iteration, out):
    """out = the float32 stream, a number from each word. A thread owns a block; it writes 4 numbers."""
    i = 4 * cuda.grid(1)
    if i >= out.size:
        return
    c0, c1, c2, c3 = block(i // 4, seed, stream, iteration)
    out[i], out[i + 1] = to_float32(c0), to_float32(c1)
    out[i + 2], out[i + 3] = to_float32(c2), to_float32(c3)


@kernel("uint64, uint64, uint64, float64[::1]", "random.uniform64")
def uniform64_kernel(seed, stream, iteration, out):
    """out = the float64 stream, a number from two words. A thread owns a block; it writes 2 numbers."""
    i = 2 * cuda.grid(1)
    if i >= out.size:
        return
    c0, c1, c2, c3 = block(i // 2, seed, stream, iteration)
    out[i], out[i + 1] = to_float64(c0, c1), to_float64(c2, c3)


def kernels():
    """Yield every kernel, in every variant."""
    return iter((bits_kernel, uniform32_kernel, uniform64_kernel))
