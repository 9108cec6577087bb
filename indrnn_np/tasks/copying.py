"""The copying memory problem: ten symbols, a long pause, a marker; which symbols were they?

    x_t       s_1 ... s_10, (delay - 1) blanks, the marker, 10 blanks       one-hot, T = delay + 20
    target_t  (delay + 10) blanks, s_1 ... s_10                             s_i ~ U{0, ..., 7}

Ten categories go in: the symbols 0 to 7, the blank 8, the marker 9. Nine come out, for the marker is never an answer.
Every step counts in the loss. Who answers blank, and guesses each of the last ten among the eight symbols, scores
10 ln 8 / (delay + 20) nats; "recall" is the accuracy over these ten steps alone, 1/8 for the same guess. Sources:
Hochreiter & Schmidhuber 1997; in this form Arjovsky et al. 2016, arXiv:1511.06464, section 5.1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import _check, backend
from . import Batch
from ._random import STREAMS

WORD, SYMBOLS = 10, 8  # symbols to remember, and how many different ones there are
BLANK, MARKER = 8, 9


class Copying:
    """A fresh stream of sequences from one seed; nothing is stored.

    delay: steps from the last symbol to the marker, at least 1. evaluation_size: sequences in a validation or test
    set, drawn anew at each iteration that asks.
    """

    name, loss, output, metric = "copying", "softmax_cross_entropy", "every", "softmax_cross_entropy"
    splits = ("validation", "test")
    input_size, output_size = 10, 9
    batches_per_epoch: int | None = None

    def __init__(self, delay: int = 100, seed: int = 0, dtype: str = "float32", evaluation_size: int = 1000):
        _check.at_least("tasks.Copying", "delay", delay, 1)
        _check.at_least("tasks.Copying", "evaluation_size", evaluation_size, 1)
        self.delay, self.seed, self.dtype = delay, seed, np.dtype(dtype)
        self.evaluation_size = evaluation_size
        self.steps = delay + 2 * WORD
        self.baseline: float | None = WORD * math.log(SYMBOLS) / self.steps
        self._one_hot = np.eye(self.input_size, dtype=self.dtype)

    def describe(self) -> dict[str, Any]:
        """Return delay, length, seed, and the score of the one who remembers nothing."""
        return {"task": self.name, "delay": self.delay, "steps": self.steps, "seed": self.seed,
                "evaluation_size": self.evaluation_size, "baseline": self.baseline}  # fmt: skip

    def epoch_length(self, size: int) -> None:
        """Return None: the stream has no end."""

    def batch(self, iteration: int, size: int) -> Batch:
        """Return `size` fresh sequences: x (T, B, 10), target (T, B)."""
        return self._write(self._draw("train", iteration, size))

    def evaluation(self, split: str, size: int, iteration: int = 0) -> Iterator[Batch]:
        """Yield the sequences of one evaluation, the same ones for every `size`."""
        _check.choice("tasks.Copying.evaluation", "split", split, ("train", *self.splits))
        while split == "train":  # far from the iterations that training itself will see
            iteration += 1 << 32
            yield self._write(self._draw(split, iteration, size))
        symbols = self._draw(split, iteration, self.evaluation_size)
        for start in range(0, self.evaluation_size, size):
            yield self._write(symbols[:, start : start + size])

    def _draw(self, split: str, iteration: int, size: int) -> np.ndarray:
        """Draw the symbols (10, B): the upper three bits of a word each."""
        bits = backend.get("reference").random.bits((self.seed, STREAMS[split], iteration), WORD * size)
        return (bits >> 29).astype(np.int64).reshape(WORD, size)

    def _write(self, symbols: np.ndarray) -> Batch:
        """Write the sequences that begin with these symbols."""
        read = np.full((self.steps, symbols.shape[1]), BLANK)
        target = read.copy()
        read[:WORD], read[-WORD - 1], target[-WORD:] = symbols, MARKER, symbols
        scored = np.zeros(read.shape, np.bool_)
        scored[-WORD:] = True
        return Batch(self._one_hot[read], target, recalled=scored)
