"""Skeleton-based action recognition: classify a recording of one or two bodies from a few frames.

    x_t = the joints' coordinates in frame ⌊(t + r_t) F / T⌋ of F,  r_t ~ U[0, 1)       target: the action

A recording is divided into T equal segments. Each time a sample is used, a random frame is drawn
from each segment; a recording shorter than T frames repeats some frames. The scores of a test
sample are summed over several drawings. Source: Li et al. 2018, section 5.4, with NTU RGB+D 60
(ntu.py): two bodies of 25 joints, D = 150, T = 20, 20 drawings.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .. import _check, backend
from .._types import Array, Json
from . import Batch, blind_guess, class_counts, recordings
from ._random import STREAMS, Shuffled, fingerprint, hold_out, order
from .standardise import scaling

WHERE, SHARE = recordings.WHERE, 0.05


class Skeleton:
    """Recordings of different lengths, each represented by `steps` random frames in order.

    Parameters
    ----------
    data : path
        Folder of .skeleton files of NTU RGB+D 60, or an npz file (recordings.py).
    steps : int
        T, the frames per sequence.
    protocol : {"cs", "cv"}, optional
        NTU's split. None: "cs", or the split in the npz file.
    exclude : path, optional
        Text file with the names of samples to leave out.
    cache : path, optional
        npz file that stores the arrays of a folder; the first run writes it.
    held_out : float, optional
        Share of the training samples held out for validation, or of the groups of an npz file.
        None: the validation samples of the file, else 0.05.
    standardise : bool
        Standardise each input by the frames of the training samples (standardise.py).
    samplings : int
        Drawings whose scores are summed for a test sample. Validation uses one drawing.
    seed : int
        Seed of the held-out samples, the order in each epoch and the drawings.
    dtype : str
        "float32" or "float64".
    """

    name, loss, output, metric = "skeleton", "softmax_cross_entropy", "last", "accuracy"

    def __init__(
        self, data: str | Path | None = None, steps: int = 20, protocol: str | None = None,
        exclude: str | Path | None = None, cache: str | Path | None = None, held_out: float | None = None,
        standardise: bool = False, samplings: int = 20, seed: int = 0, dtype: str = "float32",
    ):  # fmt: skip
        _check.at_least(WHERE, "steps", steps, 1)
        _check.at_least(WHERE, "samplings", samplings, 1)
        if held_out is not None:
            _check.between(WHERE, "held_out", held_out, 0.0, 1.0)
        self.steps, self.samplings, self.seed = steps, samplings, seed
        self.dtype = _check.dtype(WHERE, dtype)
        loaded = self._recordings = recordings.load(data, protocol, exclude, cache, self.dtype)
        self.protocol = loaded.protocol
        self._starts = np.cumsum(loaded.lengths) - loaded.lengths
        self.input_size, self.output_size = loaded.frames.shape[1], loaded.classes
        rest, held = _held_out(loaded, held_out, seed)
        self._index = {"train": rest, "validation": held, "test": np.flatnonzero(loaded.test)}
        _check.at_least(WHERE, "samples to train on", len(rest), 1)
        self.splits = tuple(split for split in ("validation", "test") if len(self._index[split]))
        self.baseline: float | None = blind_guess.accuracy(loaded.labels[rest])
        self.class_counts = class_counts.of_labels(loaded.labels[rest], self.output_size)
        self._shuffled = Shuffled(seed, rest)
        trained = np.repeat(np.isin(np.arange(len(loaded.lengths)), rest), loaded.lengths)
        channels = (loaded.frames[trained, d] for d in range(self.input_size))
        self._scaling = scaling(WHERE, channels) if standardise else None

    def describe(self) -> Json:
        """Return the sizes, protocol, seed, and hashes of the held-out samples and the labels."""
        frames, lengths, labels = self._recordings[:3]
        return {
            "task": self.name, "steps": self.steps, "protocol": self.protocol, "samplings": self.samplings,
            "seed": self.seed, "inputs": self.input_size, "classes": self.output_size,
            "samples": {split: len(index) for split, index in self._index.items()},
            "frames": {"count": len(frames), "shortest": int(lengths.min()), "longest": int(lengths.max())},
            **({} if self._scaling is None else self._scaling.describe()),
            "sha256": {"held_out": fingerprint(self._index["validation"]), "labels": fingerprint(labels)},
        }  # fmt: skip

    def epoch_length(self, size: int) -> int:
        """Return the number of full batches of `size` in the training samples."""
        count = len(self._index["train"])
        _check.between(WHERE, "batch", size, 1, count + 1)
        return count // size

    def batch(self, iteration: int, size: int) -> Batch:
        """Return x (T, B, D) and labels (B,); samples are shuffled in each epoch, frames drawn in each batch."""
        _check.at_least(WHERE, "iteration", iteration, 0)
        epoch, position = divmod(iteration, self.epoch_length(size))
        index = self._shuffled(epoch)[position * size : (position + 1) * size]
        return self._gather(index, self._draw(0, iteration, len(index)))

    def evaluation(self, split: str, size: int, iteration: int = 0) -> Iterator[Batch]:
        """Yield a split in batches of at most `size` sequences; "train": an unlimited stream.

        A test sample has `samplings` adjacent sequences in the same batch. The frames are a
        function of (seed, split, iteration, sample).
        """
        _check.choice(f"{WHERE}.evaluation", "split", split, ("train", *self.splits))
        index = self._index[split]
        while split == "train":
            iteration += 1 << 32  # iterations that training never reaches
            chosen = index[order(self.seed, "train", iteration, len(index))[:size]]
            yield self._gather(chosen, self._draw(0, iteration, len(chosen)))
        repeats = self.samplings if split == "test" else 1
        first = 1 if split == "validation" else 2
        drawn = np.stack([self._draw(first + k, iteration, len(index)) for k in range(repeats)], axis=2)
        samples = max(1, size // repeats)
        for start in range(0, len(index), samples):
            part = slice(start, start + samples)
            yield self._gather(index[part], drawn[:, part].reshape(self.steps, -1), repeats)

    def _draw(self, number: int, iteration: int, count: int) -> Array:
        """Return random positions (T, count) of frames in their segments, in units of 2⁻²⁴ segments."""
        key = (self.seed, STREAMS["frames"] + number, iteration)
        bits = backend.get("reference").random.bits(key, count * self.steps)
        return np.ascontiguousarray((bits >> 8).reshape(count, self.steps).T)

    def _gather(self, index: Array, drawn: Array, repeats: int = 1) -> Batch:
        """Return the batch of the drawn frames; the `repeats` sequences of a sample are adjacent."""
        frames, lengths, labels = self._recordings[:3]
        rows = np.repeat(index, repeats)
        t = np.arange(self.steps)[:, None]
        frame = ((t << 24) + drawn) * lengths[rows] // (self.steps << 24)  # exact, in integers
        x = frames[self._starts[rows] + frame].astype(self.dtype, copy=False)
        x = x if self._scaling is None else self._scaling.apply(x)
        return Batch(x, labels[index], repeats=repeats)


def _held_out(loaded: recordings.Recordings, share: float | None, seed: int) -> tuple[Array, Array]:
    """Return the samples to train on, and those of the validation."""
    train = np.flatnonzero(loaded.train)
    if loaded.validation is not None:
        if share is not None:
            _check.fail(WHERE, f"held_out is {share}", "None", "because the file has the key validation")
        return train, np.flatnonzero(loaded.validation)
    return hold_out(seed, SHARE if share is None else share, train, loaded.groups)
