"""How time is cut into chunks whose states stay in the cache of a core."""

from __future__ import annotations

import functools
import itertools
import math

from ... import _machine
from ..._threads import threads

L2_SHARE = 0.5  # of a core's L2 cache for the states of a chunk; the rest is for x, da, W and what BLAS packs
HANDED_OVER = 2  # times as large if threads take turns: each turn costs handing over
L3_SHARE = 0.25  # of the L3 cache for the states of the chunks of all threads
CUTS = 64  # that are kept: lengths of sequences change from batch to batch
SHORT = 0.25  # of the L2 cache for the states of a chunk that is not packed, with as much for each of x, dx and dh


def chunk_steps(B, W, n):
    """How many steps a chunk has: its states fill `L2_SHARE` of the L2 cache, `HANDED_OVER` times that if n > 1.

    They are at least twice as large as W, as far as the L3 cache allows, because BLAS packs W anew for each product.
    """
    caches = _caches()
    L2 = caches.get("L2", 2**20)
    most = L3_SHARE * caches.get("L3", 4 * L2) / threads()
    size = max(L2_SHARE * L2 * (HANDED_OVER if n > 1 else 1), min(2 * W.nbytes, most))
    return max(1, int(size // max(1, B * len(W) * W.itemsize)))


def short_chunk_steps(B, W):
    """The same where no BLAS packs W, and handing over costs little."""
    return max(1, int(SHORT * _caches().get("L2", 2**20) // max(1, B * len(W) * W.itemsize)))


@functools.lru_cache(CUTS)
def chunks(T, steps, n, from_the_end):
    """Cut T steps into pieces [t0, t1) of about `steps`, in walking order: equal ones, as many for each of n threads.

    They start at even steps where they are longer than 2, since the kernels take steps in pairs.
    """
    count = min(T, math.ceil(math.ceil(T / steps) / n) * n)
    grain = 2 if steps > 2 else 1
    edges = sorted({min(T, -(-T * i // count // grain) * grain) for i in range(count)} | {T}) if count else []
    pieces = tuple(itertools.pairwise(edges))
    return pieces[::-1] if from_the_end else pieces


@functools.cache
def _caches():
    return _machine.caches()
