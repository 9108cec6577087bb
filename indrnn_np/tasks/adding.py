"""The adding problem: predict the sum of two marked numbers in a long sequence.

    x_t = (value_t, marker_t),  value ~ U[0, 1),  marker = 1 at one step of each half, 0 elsewhere
    target = sum of the two marked values

The first marker is uniform over the steps 0 .. T//2 - 1, the second over T//2 .. T - 1. The
constant prediction 1 has a mean squared error of 1/6 = 0.167, the variance of the sum. Source:
Li et al. 2018, section 5.1, and the authors' code.
"""

from __future__ import annotations

from collections.abc import Iterator

from .. import _check, backend
from .._types import Json
from . import Batch
from ._random import STREAMS


class Adding:
    """Generate an unlimited stream of sequences from a seed; nothing is stored.

    Parameters
    ----------
    steps : int
        Sequence length T, at least 2.
    seed : int
        Seed of all samples, below 2^64.
    dtype : str
        "float32" or "float64".
    backend : str
        Backend that draws the samples. All backends draw the same bits.
    evaluation_size : int
        Sequences in a validation or test set. Each iteration with an evaluation draws a new set.

    Examples
    --------
    >>> batch = Adding(steps=20).batch(0, 4)
    >>> batch.x.shape, batch.target.shape
    ((20, 4, 2), (4, 1))
    """

    name, loss, output, metric = "adding", "mse", "last", "mse"
    splits = ("validation", "test")
    input_size, output_size = 2, 1
    baseline: float | None = 1 / 6

    def __init__(
        self, steps: int = 100, seed: int = 0, dtype: str = "float32", backend: str = "cpu",
        evaluation_size: int = 1000,
    ):  # fmt: skip
        _check.at_least("tasks.Adding", "steps", steps, 2)
        _check.at_least("tasks.Adding", "evaluation_size", evaluation_size, 1)
        _check.between("tasks.Adding", "seed", seed, 0, 2**64)
        self.steps, self.seed, self.evaluation_size = steps, seed, evaluation_size
        self.dtype, self._backend = _check.dtype("tasks.Adding", dtype), backend

    def describe(self) -> Json:
        """Return the sequence length, the seed and the error of the constant prediction."""
        return {"task": self.name, "steps": self.steps, "seed": self.seed, "evaluation_size": self.evaluation_size,
                "baseline": self.baseline}  # fmt: skip

    def epoch_length(self, size: int) -> None:
        """Return None, because the stream is unlimited."""

    def batch(self, iteration: int, size: int) -> Batch:
        """Return `size` new sequences: x (T, B, 2), target (B, 1)."""
        return self._draw("train", iteration, size)

    def evaluation(self, split: str, size: int, iteration: int = 0) -> Iterator[Batch]:
        """Yield the sequences of an evaluation; they do not depend on `size`."""
        _check.choice("tasks.Adding.evaluation", "split", split, ("train", *self.splits))
        while split == "train":
            iteration += 1 << 32  # iterations that training never reaches
            yield self._draw(split, iteration, size)
        for start in range(0, self.evaluation_size, size):
            part = start, min(size, self.evaluation_size - start)
            yield self._draw(split, iteration, self.evaluation_size, *part)

    def _draw(self, split: str, iteration: int, size: int, first: int = 0, count: int | None = None) -> Batch:
        key = (self.seed, STREAMS[split], iteration)
        ops = backend.get(self._backend)
        _check.at_least("tasks.Adding", "batch", size, 1)
        needed = 2 * self.steps * (size if count is None else count) * self.dtype.itemsize
        if needed > _check.LARGE:
            batch = f"a batch of {size} sequences of {self.steps} steps"
            _check.fits_memory("tasks.Adding", batch, needed, ops.device.memory())
        return Batch(*ops.adding.draw(key, self.steps, size, self.dtype, first, count))
