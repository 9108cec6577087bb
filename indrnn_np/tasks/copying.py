"""The copying memory problem: repeat ten symbols after a long pause and a marker.

    x_t       s_1 ... s_10, (delay - 1) blanks, the marker, 10 blanks       one-hot, T = delay + 20
    target_t  (delay + 10) blanks, s_1 ... s_10                             s_i ~ U{0, ..., 7}

The input has ten categories: the symbols 0 to 7, the blank 8 and the marker 9. The output has nine,
because the marker is never a target. Every time step counts in the loss. A network that answers
blank and guesses each of the last ten symbols uniformly has a loss of 10 ln 8 / (delay + 20) nats;
"recall" is the accuracy over the last ten time steps, 1/8 for this network. Sources: Hochreiter &
Schmidhuber 1997; in this form Arjovsky et al. 2016, arXiv:1511.06464, section 5.1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from .. import _check, backend
from .._types import Array, Json
from . import Batch
from ._random import STREAMS

WORD, SYMBOLS = 10, 8  # symbols to remember; size of their alphabet
BLANK, MARKER = 8, 9


class Copying:
    """Generate an unlimited stream of sequences from a seed; nothing is stored.

    Parameters
    ----------
    delay : int
        Time steps from the last symbol to the marker, at least 1.
    seed : int
        Seed of all samples, below 2^64.
    dtype : str
        "float32" or "float64".
    evaluation_size : int
        Sequences in a validation or test set. Each iteration with an evaluation draws a new set.

    Examples
    --------
    >>> batch = Copying(delay=30).batch(0, 4)
    >>> batch.x.shape, batch.target.shape
    ((50, 4, 10), (50, 4))
    """

    name, loss, output, metric = "copying", "softmax_cross_entropy", "every", "softmax_cross_entropy"
    splits = ("validation", "test")
    input_size, output_size = 10, 9

    def __init__(self, delay: int = 100, seed: int = 0, dtype: str = "float32", evaluation_size: int = 1000):
        _check.at_least("tasks.Copying", "delay", delay, 1)
        _check.at_least("tasks.Copying", "evaluation_size", evaluation_size, 1)
        _check.between("tasks.Copying", "seed", seed, 0, 2**64)
        self.delay, self.seed, self.dtype = delay, seed, _check.dtype("tasks.Copying", dtype)
        self.evaluation_size = evaluation_size
        self.steps = delay + 2 * WORD
        self.baseline: float | None = WORD * math.log(SYMBOLS) / self.steps
        self._one_hot = np.eye(self.input_size, dtype=self.dtype)

    def describe(self) -> Json:
        """Return the delay, the sequence length, the seed and the loss without memory."""
        return {"task": self.name, "delay": self.delay, "steps": self.steps, "seed": self.seed,
                "evaluation_size": self.evaluation_size, "baseline": self.baseline}  # fmt: skip

    def epoch_length(self, size: int) -> None:
        """Return None, because the stream is unlimited."""

    def batch(self, iteration: int, size: int) -> Batch:
        """Return `size` new sequences: x (T, B, 10), target (T, B)."""
        return self._write(self._draw("train", iteration, size))

    def evaluation(self, split: str, size: int, iteration: int = 0) -> Iterator[Batch]:
        """Yield the sequences of an evaluation; they do not depend on `size`."""
        _check.choice("tasks.Copying.evaluation", "split", split, ("train", *self.splits))
        while split == "train":
            iteration += 1 << 32  # iterations that training never reaches
            yield self._write(self._draw(split, iteration, size))
        symbols = self._draw(split, iteration, self.evaluation_size)
        for start in range(0, self.evaluation_size, size):
            yield self._write(symbols[:, start : start + size])

    def _draw(self, split: str, iteration: int, size: int) -> Array:
        """Return random symbols (10, B), each from the upper three bits of a 32-bit word."""
        _check.at_least("tasks.Copying", "batch", size, 1)
        self._check_memory(size, WORD * size * np.dtype(np.int64).itemsize)
        bits = backend.get("reference").random.bits((self.seed, STREAMS[split], iteration), WORD * size)
        return (bits >> 29).astype(np.int64).reshape(WORD, size)

    def _write(self, symbols: Array) -> Batch:
        """Return the batch of sequences that begin with these symbols."""
        size = symbols.shape[1]
        self._check_memory(size, self.steps * size * self.input_size * self.dtype.itemsize)
        read, target = (np.full((self.steps, size), BLANK) for _ in range(2))
        read[:WORD], read[-WORD - 1], target[-WORD:] = symbols, MARKER, symbols
        scored = np.zeros(read.shape, np.bool_)
        scored[-WORD:] = True
        return Batch(self._one_hot[read], target, recalled=scored)

    def _check_memory(self, size: int, needed: int) -> None:
        if needed > _check.LARGE:
            _check.fits_memory("tasks.Copying", f"a batch of {size} sequences of {self.steps} steps", needed)
