"""Orders of samples from the engine's own counter-based generator, so that they depend on nothing but the key."""

from __future__ import annotations

import hashlib

import numpy as np

from .. import backend

# Streams of the generator: (seed, stream, iteration). Dropout uses the layer's number, so tasks start far above.
STREAMS = {
    "train": 1 << 20,
    "validation": 2 << 20,
    "test": 3 << 20,
    "epoch": 4 << 20,
    "split": 5 << 20,
    "steps": 6 << 20,
    "frames": 7 << 20,
    "reset": 8 << 20,
}


def order(seed: int, stream: str, number: int, count: int) -> np.ndarray:
    """Return a permutation of `count` indices (int64), a function of (seed, stream, number)."""
    # The reference, because it is equal in every bit, quick enough for this, and needs no compiling.
    bits = backend.get("reference").random.bits((seed, STREAMS[stream], number), count)
    return np.argsort(bits, kind="stable")  # stable: the rare equal keys keep their order on every machine


def hold_out(seed: int, share: float, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (rest, held): a share of the samples in `index` taken out at random, at least one; a share of 0: none."""
    held = max(1, round(len(index) * share)) if share else 0
    mixed = index[order(seed, "split", 0, len(index))]
    return mixed[held:], mixed[:held]


class Shuffled:
    """The samples in `index` in a new order each epoch; the latest order is kept."""

    def __init__(self, seed: int, index: np.ndarray):
        self._seed, self._index = seed, index
        self._latest: tuple[int, np.ndarray] | None = None

    def __call__(self, epoch: int) -> np.ndarray:
        """Return the order of an epoch."""
        if self._latest is None or self._latest[0] != epoch:
            self._latest = (epoch, self._index[order(self._seed, "epoch", epoch, len(self._index))])
        return self._latest[1]


def fingerprint(array: np.ndarray) -> str:
    """Return the first 16 hex digits of an array's SHA-256, to tell two permutations apart in results."""
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]
