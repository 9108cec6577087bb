"""Cut time into chunks whose hidden states stay in the cache of a core."""

from __future__ import annotations

import functools
import itertools
import math

from ... import _machine
from ..._cpu.threads import threads

BLAS_SHARE = 0.5  # share of the L2 cache for the states of a chunk; x, da, W and packed matrices use the rest
TURNS = 2  # factor of BLAS_SHARE if threads take turns, because each turn costs a hand-over
L3_SHARE = 0.25  # share of the L3 cache for the chunks of all threads
TILES_SHARE = 0.25  # share of the L2 cache for the states with tiles; x, dx and dh take as much each
CUTS = 64  # cached results; the sequence length changes from batch to batch


def steps_for_blas(step_bytes, weight_bytes, n):
    """Return the time steps of a chunk whose products BLAS computes on n threads.

    `step_bytes` is the size of the states of one time step. The states of a chunk are at least
    twice as large as W, as far as the L3 cache allows, because BLAS packs W for each product.
    """
    caches = _caches()
    L2 = caches.get("L2", 2**20)
    most = L3_SHARE * caches.get("L3", 4 * L2) / threads()
    size = max(BLAS_SHARE * L2 * (TURNS if n > 1 else 1), min(2 * weight_bytes, most))
    return max(1, int(size // max(1, step_bytes)))


def steps_for_tiles(step_bytes):
    """Return the time steps of a chunk for tiles; it is short, because nothing is packed."""
    return max(1, int(TILES_SHARE * _caches().get("L2", 2**20) // max(1, step_bytes)))


@functools.lru_cache(CUTS)
def cut(T, steps, n, from_the_end):
    """Cut T time steps into chunks [t0, t1) of about `steps`, in the order of the walk.

    The chunks have equal lengths, and each of n threads gets the same number of chunks. Chunks
    longer than 2 start at even steps, because the kernels process steps in pairs.
    """
    count = min(T, math.ceil(math.ceil(T / steps) / n) * n)
    grain = 2 if steps > 2 else 1
    edges = sorted({min(T, -(-T * i // count // grain) * grain) for i in range(count)} | {T}) if count else []
    spans = tuple(itertools.pairwise(edges))
    return spans[::-1] if from_the_end else spans


@functools.lru_cache(CUTS)
def shortest(spans):
    """Return the time steps of the shortest chunk, 0 without chunks."""
    return min((t1 - t0 for t0, t1 in spans), default=0)


@functools.lru_cache(CUTS)
def longest(spans):
    """Return the time steps of the longest chunk, 0 without chunks."""
    return max((t1 - t0 for t0, t1 in spans), default=0)


@functools.cache
def _caches():
    return _machine.caches()
