"""Cut time into chunks whose hidden states stay in the cache of a core."""

from __future__ import annotations

import functools
import itertools
import math

from ... import _machine
from ..._cpu.threads import threads

# Shares of a cache for the states of a chunk.
BLAS_SHARE = 0.5  # of a core's L2 cache with BLAS; the rest is for x, da, W and the packed matrices
TURNS = 2  # times that share if threads take turns, because each turn costs a hand-over
L3_SHARE = 0.25  # of the L3 cache for the chunks of all threads
TILES_SHARE = 0.25  # of a core's L2 cache with tiles, and as much for each of x, dx and dh
CUTS = 64  # cached results; the sequence length changes from batch to batch


def steps_for_blas(step_bytes, weight_bytes, n):
    """Return the steps of a chunk whose products BLAS computes on n threads; one step's states take `step_bytes`.

    The states of a chunk are at least twice as large as W, as far as the L3 cache allows, because BLAS packs W for
    each product.
    """
    caches = _caches()
    L2 = caches.get("L2", 2**20)
    most = L3_SHARE * caches.get("L3", 4 * L2) / threads()
    size = max(BLAS_SHARE * L2 * (TURNS if n > 1 else 1), min(2 * weight_bytes, most))
    return max(1, int(size // max(1, step_bytes)))


def steps_for_tiles(step_bytes):
    """Return the steps of a chunk whose products tiles compute; it is short, because nothing is packed."""
    return max(1, int(TILES_SHARE * _caches().get("L2", 2**20) // max(1, step_bytes)))


@functools.lru_cache(CUTS)
def cut(T, steps, n, from_the_end):
    """Cut T steps into chunks [t0, t1) of about `steps`, in walking order: of equal length, as many for each thread.

    Chunks start at even steps where they are longer than 2, since the kernels take steps in pairs.
    """
    count = min(T, math.ceil(math.ceil(T / steps) / n) * n)
    grain = 2 if steps > 2 else 1
    edges = sorted({min(T, -(-T * i // count // grain) * grain) for i in range(count)} | {T}) if count else []
    spans = tuple(itertools.pairwise(edges))
    return spans[::-1] if from_the_end else spans


@functools.lru_cache(CUTS)
def shortest(spans):
    """Return the steps of the shortest chunk, 0 if there are none."""
    return min((t1 - t0 for t0, t1 in spans), default=0)


@functools.lru_cache(CUTS)
def longest(spans):
    """Return the steps of the longest chunk, 0 if there are none."""
    return max((t1 - t0 for t0, t1 in spans), default=0)


@functools.cache
def _caches():
    return _machine.caches()
