"""Language models: which symbol comes next? Characters or words of a text, as one long stream.

    x_t = the number of symbol t          target_t = the number of symbol t + 1, at every step

The training text is cut into B lanes, which are read side by side in windows of T steps; the state of one window goes
on in the next (`Batch.carry`), the gradient does not. Each epoch starts at a place of its own among the first 5 T
symbols, so that windows, and what batch norm keeps for each step, do not belong to places of the text; and with
probability `reset` a window starts anew. Sources: Li et al. 2019, arXiv:1910.06251, 5.3, and the code that belongs to
it (offset 5 T, reset 1/10); the splits of a Penn Treebank: Mikolov et al. 2012.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .. import _check, backend
from . import Batch, corpus
from ._random import STREAMS

OFFSET = 5  # windows: an epoch starts within so many
STRETCH = 10  # windows that go on one from another, where statistics are taken: as with a reset of 1/10
FAR = 1 << 32  # from the iterations that training itself will see


class Text:
    """What both tasks have in common.

    data: a text file or a Penn Treebank's folder (corpus.load). steps: T of a window. reset: share of the training
    windows that start anew. input_size and output_size are the number of symbols.
    """

    name: str
    words: bool
    metric: str
    loss, output = "softmax_cross_entropy", "every"
    splits = ("validation", "test")
    batches_per_epoch: int | None = None

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
        nats = self.corpus.entropy()
        self.baseline: float | None = nats / math.log(2) if self.metric == "bits" else math.exp(nats)

    def describe(self) -> dict[str, Any]:
        """Return sizes, hashes, the score of guessing by frequency, and the vocabulary, which text needs again."""
        return {
            "task": self.name, "steps": self.steps, "seed": self.seed, "reset": self.reset,
            "symbols": {split: len(ids) for split, ids in self.corpus.ids.items()}, "baseline": self.baseline,
            "sha256": self.corpus.sha256, "vocabulary": self.corpus.vocabulary,
        }  # fmt: skip

    def epoch_length(self, size: int) -> int:
        """Return the windows in an epoch, the same for every place that it may start at."""
        return (self._predictions - (self._starts(size) - 1)) // size // self.steps

    def batch(self, iteration: int, size: int) -> Batch:
        """Return x (T, B) and target (T, B): window after window of B lanes."""
        epoch, position = divmod(iteration, self.epoch_length(size))
        start = int(self._random("epoch", epoch) * self._starts(size))
        lane = (self._predictions - start) // size
        first = start + np.arange(size) * lane + position * self.steps
        anew = position == 0 or self._random("reset", iteration) < self.reset
        return self._windows("train", first, self.steps, carry=not anew)

    def evaluation(self, split: str, size: int, iteration: int = 0) -> Iterator[Batch]:
        """Yield a split in windows of `size` lanes, each symbol but the first to be told once; "train": for ever,
        ten windows from each of `size` random places.

        A lane is read through with its own state, which is none at its start: fewer lanes, more context. The last
        lanes may be shorter: what is beyond them is masked.
        """
        _check.choice(f"{self.where}.evaluation", "split", split, ("train", *self.splits))
        _check.at_least(f"{self.where}.evaluation", "size", size, 1)
        while split == "train":
            iteration += FAR
            yield from self._stretch(iteration, size)
        count = len(self.corpus.ids[split]) - 1
        lane = -(-count // size)
        starts = np.arange(0, count, lane)  # no lane without a symbol
        for t0 in range(0, lane, self.steps):
            steps = min(self.steps, lane - t0)
            yield self._windows(
                split, starts + t0, steps, carry=t0 > 0, ends=np.minimum(starts + lane, count)
            )

    def _stretch(self, iteration: int, size: int) -> Iterator[Batch]:
        """Windows of the training text from `size` random places on: one that starts anew, and others that go on."""
        steps = min(self.steps, self._predictions)
        count = min(STRETCH, self._predictions // steps)
        drawn = self._random("train", iteration, size) * (self._predictions - count * steps + 1)
        for k in range(count):
            yield self._windows("train", drawn.astype(np.int64) + k * steps, steps, carry=k > 0)

    @property
    def _predictions(self) -> int:
        """The symbols of the training text that have one before them."""
        return len(self.corpus.ids["train"]) - 1

    def _starts(self, size: int) -> int:
        """How many places an epoch may start at: as many as leave a window for each lane, 5 T at most."""
        least = size * self.steps
        if self._predictions < least:
            _check.fail(self.where, f"the training text has {self._predictions + 1} symbols", f"at least {least + 1}",
                        f"for a window of {self.steps} steps in each of {size} lanes")  # fmt: skip
        return min(OFFSET * self.steps, self._predictions - least + 1)

    def _random(self, stream: str, number: int, count: int | None = None) -> Any:
        """Numbers in [0, 1), a function of (seed, stream, number)."""
        key = (self.seed, STREAMS[stream], number)
        drawn = backend.get("reference").random.uniform(key, (count or 1,), "float64")
        return drawn if count else float(drawn[0])

    def _windows(
        self, split: str, first: np.ndarray, steps: int, carry: bool = False, ends: np.ndarray | None = None
    ) -> Batch:
        """Symbols from the places `first` (B,) on, up to `ends`, and those after them."""
        ids = self.corpus.ids[split]
        places = first + np.arange(steps)[:, None]  # (T, B)
        mask = None if ends is None else places < ends
        if mask is not None:
            places, mask = np.minimum(places, len(ids) - 2), None if mask.all() else mask
        return Batch(ids[places], ids[places + 1], mask=mask, carry=carry)


class Chars(Text):
    """Characters, judged in bits a character: the cross-entropy in nats / ln 2."""

    name, words, metric = "chars", False, "bits"


class Words(Text):
    """Words, judged by perplexity: the exponential of the cross-entropy in nats."""

    name, words, metric = "words", True, "perplexity"
