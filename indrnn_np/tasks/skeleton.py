"""Skeleton-based action recognition: a few frames out of a recording of one or two bodies; what do they do?

    x_t = the joints' coordinates in frame ⌊(t + r_t) F / T⌋ of F,  r_t ~ U[0, 1)       target: the action

A recording is cut into T equal segments, and one random frame of each is read, drawn anew each time; one shorter than
T frames repeats some. The scores of a test sample are the sum over several such drawings. Source: Li et al. 2018,
section 5.4, with NTU RGB+D 60 (ntu.py): two bodies of 25 joints, D = 150, T = 20, 20 drawings.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .. import _check, backend
from . import Batch, recordings
from ._random import STREAMS, Shuffled, fingerprint, hold_out, order

WHERE = recordings.WHERE


class Skeleton:
    """Recordings of different lengths, each read as `steps` random frames in order.

    data: a folder of .skeleton files of NTU RGB+D 60, or an npz file (recordings.py). protocol: NTU's split, "cs" or
    "cv". exclude: a text file with names of samples to leave out. cache: for a folder, an npz file to keep the arrays
    in, made the first time. held_out: share of the training samples for validation,
    0 for none. samplings: drawings whose scores are summed in a test; a validation makes one.
    """

    name, loss, output, metric = "skeleton", "softmax_cross_entropy", "last", "accuracy"
    baseline: float | None = None
    batches_per_epoch: int | None = None

    def __init__(
        self, data: str | Path | None = None, steps: int = 20, protocol: str = "cs", exclude: str | Path | None = None,
        cache: str | Path | None = None, held_out: float = 0.05, samplings: int = 20, seed: int = 0,
        dtype: str = "float32",
    ):  # fmt: skip
        _check.at_least(WHERE, "steps", steps, 1)
        _check.at_least(WHERE, "samplings", samplings, 1)
        _check.between(WHERE, "held_out", held_out, 0.0, 1.0)
        self.steps, self.protocol, self.samplings, self.seed = steps, protocol, samplings, seed
        self.dtype = np.dtype(dtype)
        found = self._recordings = recordings.load(data, protocol, exclude, cache)
        self._starts = np.cumsum(found.lengths) - found.lengths
        self.input_size, self.output_size = found.frames.shape[1], found.classes
        rest, held = hold_out(seed, held_out, np.flatnonzero(found.train))
        self._index = {"train": rest, "validation": held, "test": np.flatnonzero(found.test)}
        _check.at_least(WHERE, "samples to train on", len(rest), 1)
        self.splits = tuple(split for split in ("validation", "test") if len(self._index[split]))
        self._shuffled = Shuffled(seed, rest)

    def describe(self) -> dict[str, Any]:
        """Return sizes, protocol, the seed, and hashes of the held-out samples and of the labels."""
        frames, lengths, labels = self._recordings[:3]
        return {
            "task": self.name, "steps": self.steps, "protocol": self.protocol, "samplings": self.samplings,
            "seed": self.seed, "inputs": self.input_size, "classes": self.output_size,
            "samples": {split: len(index) for split, index in self._index.items()},
            "frames": {"count": len(frames), "shortest": int(lengths.min()), "longest": int(lengths.max())},
            "sha256": {"held_out": fingerprint(self._index["validation"]), "labels": fingerprint(labels)},
        }  # fmt: skip

    def epoch_length(self, size: int) -> int:
        """Return the whole batches of `size` in the training samples."""
        count = len(self._index["train"])
        _check.between(WHERE, "batch", size, 1, count + 1)
        return count // size

    def batch(self, iteration: int, size: int) -> Batch:
        """Return x (T, B, D) and labels (B,); each epoch has an order of its own, each batch frames of its own."""
        epoch, position = divmod(iteration, self.epoch_length(size))
        index = self._shuffled(epoch)[position * size : (position + 1) * size]
        return self._gather(index, self._draw(0, iteration, len(index)))

    def evaluation(self, split: str, size: int, iteration: int = 0) -> Iterator[Batch]:
        """Yield a split in batches of at most `size` sequences; a test sample is `samplings` of them, kept together.

        The frames are a function of (seed, split, iteration, sample). "train": random samples for ever.
        """
        _check.choice(f"{WHERE}.evaluation", "split", split, ("train", *self.splits))
        index = self._index[split]
        while split == "train":
            iteration += 1 << 32  # far from the iterations that training itself will see
            chosen = index[order(self.seed, "train", iteration, len(index))[:size]]
            yield self._gather(chosen, self._draw(0, iteration, len(chosen)))
        repeats = self.samplings if split == "test" else 1
        first = 1 if split == "validation" else 2
        drawn = np.stack([self._draw(first + k, iteration, len(index)) for k in range(repeats)], axis=2)
        samples = max(1, size // repeats)
        for start in range(0, len(index), samples):
            part = slice(start, start + samples)
            yield self._gather(index[part], drawn[:, part].reshape(self.steps, -1), repeats)

    def _draw(self, number: int, iteration: int, count: int) -> np.ndarray:
        """Draw where in its segment each frame lies (T, count), as whole 2⁻²⁴ths of the segment."""
        key = (self.seed, STREAMS["frames"] + number, iteration)
        bits = backend.get("reference").random.bits(key, count * self.steps)
        return np.ascontiguousarray((bits >> 8).reshape(count, self.steps).T)

    def _gather(self, index: np.ndarray, drawn: np.ndarray, repeats: int = 1) -> Batch:
        """Read the drawn frames of samples, `repeats` of each, one behind the other."""
        frames, lengths, labels = self._recordings[:3]
        rows = np.repeat(index, repeats)
        t = np.arange(self.steps)[:, None]
        frame = ((t << 24) + drawn) * lengths[rows] // (self.steps << 24)  # whole numbers: exact
        x = frames[self._starts[rows] + frame].astype(self.dtype, copy=False)
        return Batch(x, labels[index], repeats=repeats)
