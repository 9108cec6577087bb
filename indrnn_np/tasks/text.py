"""Language modelling: predict the next character or word of a text, read as a stream.

    x_t = the number of symbol t          target_t = the number of symbol t + 1, at every step

The training text is divided into B lanes, which are read in parallel in windows of T time steps.
The state of a window carries over to the next window (`Batch.carry`), the gradient does not. Each
epoch starts at a random position among the first 5 T symbols, so that neither windows nor batch
norm's statistics per time step are tied to positions in the text. With probability `reset` a window
starts from the initial state. Sources: Li et al. 2019, arXiv:1910.06251, section 5.3, and the
authors' code (offset 5 T, reset 1/10); splits of the Penn Treebank: Mikolov et al. 2012.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .. import _check, backend
from .._types import Array, Json, Value
from . import Batch, class_counts, corpus
from ._random import STREAMS

OFFSET = 5  # windows within which an epoch starts
STRETCH = 10  # consecutive windows for statistics: the mean number with a reset of 1/10
FAR = 1 << 32  # offset to iterations that training never reaches


class Text:
    """The base class of `Chars` and `Words`.

    Parameters
    ----------
    data : path
        A text file, or a folder with a Penn Treebank (corpus.py).
    steps : int
        T, the time steps of a window.
    seed : int
        Seed of the positions at which epochs start, and of resets.
    reset : float
        Probability that a training window starts from the initial state.
    """

    name: str
    words: bool
    metric: str
    loss, output = "softmax_cross_entropy", "every"
    splits = ("validation", "test")

    def __init__(self, data: str | Path, steps: int = 100, seed: int = 0, reset: float = 0.0):
        self.where = f"tasks.{type(self).__name__}"
        _check.at_least(self.where, "steps", steps, 1)
        if not 0 <= reset <= 1:
            _check.fail(self.where, f"reset is {reset}", "a number from 0 to 1")
        if data is None:
            _check.fail(self.where, "data is None", "a text file, or a folder with ptb.train.txt (--data)")
        self.steps, self.seed, self.reset = steps, seed, reset
        self.corpus = corpus.load(self.where, data, self.words)
        self.input_size = self.output_size = len(self.corpus.vocabulary)
        self.class_counts = class_counts.of_labels(self.corpus.ids["train"][1:], self.output_size)
        nats = self.corpus.entropy()
        self.baseline: float | None = nats / math.log(2) if self.metric == "bits" else math.exp(nats)

    def describe(self) -> Json:
        """Return sizes, hashes, the vocabulary and the baseline, which predicts by frequency."""
        return {
            "task": self.name, "steps": self.steps, "seed": self.seed, "reset": self.reset,
            "symbols": {split: len(ids) for split, ids in self.corpus.ids.items()}, "baseline": self.baseline,
            "sha256": self.corpus.sha256, "unknown": self.corpus.unknown(), "vocabulary": self.corpus.vocabulary,
        }  # fmt: skip

    def epoch_length(self, size: int) -> int:
        """Return the number of windows in an epoch, which does not depend on its start."""
        return (self._predictions - (self._starts(size) - 1)) // size // self.steps

    def batch(self, iteration: int, size: int) -> Batch:
        """Return x (T, B) and target (T, B), a window of each lane."""
        _check.at_least(self.where, "iteration", iteration, 0)
        epoch, position = divmod(iteration, self.epoch_length(size))
        start = int(self._random("epoch", epoch) * self._starts(size))
        lane = (self._predictions - start) // size
        first = start + np.arange(size) * lane + position * self.steps
        restarts = position == 0 or self._random("reset", iteration) < self.reset
        return self._windows("train", first, self.steps, carry=not restarts)

    def evaluation(self, split: str, size: int, iteration: int = 0) -> Iterator[Batch]:
        """Yield a split in windows of `size` lanes, with each symbol but the first as a target once.

        A lane starts from the initial state and carries its state through all windows, so fewer
        lanes give more context. Shorter lanes at the end are masked. "train" is an unlimited stream
        of ten consecutive windows from each of `size` random positions.
        """
        _check.choice(f"{self.where}.evaluation", "split", split, ("train", *self.splits))
        _check.at_least(f"{self.where}.evaluation", "size", size, 1)
        while split == "train":
            iteration += FAR
            yield from self._stretch(iteration, size)
        count = len(self.corpus.ids[split]) - 1
        lane = -(-count // size)
        starts = np.arange(0, count, lane)  # every lane has a symbol
        for t0 in range(0, lane, self.steps):
            steps = min(self.steps, lane - t0)
            ends = np.minimum(starts + lane, count)
            yield self._windows(split, starts + t0, steps, carry=t0 > 0, ends=ends)

    def _stretch(self, iteration: int, size: int) -> Iterator[Batch]:
        """Yield consecutive windows of the training text that start at `size` random positions."""
        steps = min(self.steps, self._predictions)
        count = min(STRETCH, self._predictions // steps)
        needed = size * (steps + 4) * np.dtype(np.int64).itemsize  # positions, and their random numbers
        if needed > _check.LARGE:
            _check.fits_memory(self.where, f"a batch of {size} windows of {steps} steps", needed)
        drawn = self._random("train", iteration, size) * (self._predictions - count * steps + 1)
        for k in range(count):
            yield self._windows("train", drawn.astype(np.int64) + k * steps, steps, carry=k > 0)

    @property
    def _predictions(self) -> int:
        """Return the number of targets in the training text: all symbols but the first."""
        return len(self.corpus.ids["train"]) - 1

    def _starts(self, size: int) -> int:
        """Return the number of possible start positions: each lane keeps a window; at most 5 T."""
        least = size * self.steps
        if self._predictions < least:
            problem = f"the training text has {self._predictions + 1} symbols"
            because = f"for a window of {self.steps} steps in each of {size} lanes"
            _check.fail(self.where, problem, f"at least {least + 1}", because)
        return min(OFFSET * self.steps, self._predictions - least + 1)

    def _random(self, stream: str, number: int, count: int | None = None) -> Value:
        """Return random numbers in [0, 1), a function of (seed, stream, number)."""
        key = (self.seed, STREAMS[stream], number)
        drawn = backend.get("reference").random.uniform(key, (count or 1,), "float64")
        return drawn if count else float(drawn[0])

    def _windows(self, split: str, first: Array, steps: int, carry: bool, ends: Array | None = None) -> Batch:
        """Return a window that starts at the positions `first` (B,), masked from `ends` on."""
        ids = self.corpus.ids[split]
        places = first + np.arange(steps)[:, None]  # (T, B)
        mask = None if ends is None else places < ends
        if mask is not None:
            places, mask = np.minimum(places, len(ids) - 2), None if mask.all() else mask
        return Batch(ids[places], ids[places + 1], mask=mask, carry=carry)


class Chars(Text):
    """Predict characters; the metric is bits per character, the cross-entropy in nats / ln 2."""

    name, words, metric = "chars", False, "bits"


class Words(Text):
    """Predict words; the metric is the perplexity, exp(cross-entropy in nats)."""

    name, words, metric = "words", True, "perplexity"
