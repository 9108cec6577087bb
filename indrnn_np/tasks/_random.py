"""Random orders of samples from the counter-based generator: functions of their key alone."""

from __future__ import annotations

import hashlib

import numpy as np

from .. import backend
from .._types import Array

# Streams of the generator, the second entry of its key (seed, stream, iteration). Dropout uses
# the layer's number as its stream, so the streams of tasks start far above.
NAMES = ("train", "validation", "test", "epoch", "split", "steps", "frames", "reset", "jitter", "crop")
STREAMS = {name: number << 20 for number, name in enumerate(NAMES, start=1)}


def order(seed: int, stream: str, number: int, count: int) -> Array:
    """Return a permutation of `count` indices (int64), a function of (seed, stream, number)."""
    # The reference backend gives the same bits as the others and compiles nothing.
    bits = backend.get("reference").random.bits((seed, STREAMS[stream], number), count)
    return np.argsort(bits, kind="stable")  # stable: equal keys keep their order on every machine


def hold_out(seed: int, share: float, index: Array, groups: Array | None = None) -> tuple[Array, Array]:
    """Split `index` at random into (rest, held) and return both.

    `held` contains `share` of the samples, at least one, or none if `share` is 0. With `groups`,
    an entry for each sample, it contains all samples of `share` of the groups.
    """
    if groups is not None and share:
        names = np.unique(groups[index])
        chosen = hold_out(seed, share, names)[1]
        held = np.isin(groups[index], chosen)
        return index[~held], index[held]
    count = held_out(len(index), share)
    mixed = index[order(seed, "split", 0, len(index))]
    return mixed[count:], mixed[:count]


def held_out(count: int, share: float) -> int:
    """Return how many of `count` samples `hold_out` holds out."""
    return max(1, round(count * share)) if share else 0


class Shuffled:
    """Shuffle the samples in `index` anew each epoch; the latest order is cached."""

    def __init__(self, seed: int, index: Array):
        self._seed, self._index = seed, index
        self._latest: tuple[int, Array] | None = None

    def __call__(self, epoch: int) -> Array:
        """Return the order of an epoch."""
        if self._latest is None or self._latest[0] != epoch:
            self._latest = (epoch, self._index[order(self._seed, "epoch", epoch, len(self._index))])
        return self._latest[1]


def fingerprint(array: Array) -> str:
    """Return the first 16 hex digits of an array's SHA-256, which identify it in results."""
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]
