"""The adding problem: a long stream of numbers, two of them marked; what is their sum?

    x_t = (value_t, marker_t),  value ~ U[0, 1),  marker = 1 at one step of each half, 0 elsewhere
    target = sum of the two marked values

The first marker is uniform over the steps 0 .. T//2 - 1, the second over T//2 .. T - 1. Always answering 1 scores the
variance of the sum, 1/6 = 0.167. Source: Li et al. 2018, section 5.1, and the code that belongs to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import _check, backend
from . import Batch
from ._random import STREAMS


class Adding:
    """A fresh stream of sequences from one seed; nothing is stored.

    steps: length T of a sequence, at least 2. evaluation_size: sequences in a validation or test set, drawn anew at
    each iteration that asks.
    """

    name, loss, output, metric = "adding", "mse", "last", "mse"
    splits = ("validation", "test")
    input_size, output_size = 2, 1
    baseline: float | None = 1 / 6
    batches_per_epoch: int | None = None

    def __init__(
        self,
        steps: int = 100,
        seed: int = 0,
        dtype: str = "float32",
        backend: str = "cpu",
        evaluation_size: int = 1000,
    ):
        _check.at_least("tasks.Adding", "steps", steps, 2)
        _check.at_least("tasks.Adding", "evaluation_size", evaluation_size, 1)
        self.steps, self.seed, self.dtype, self.evaluation_size = (
            steps,
            seed,
            np.dtype(dtype),
            evaluation_size,
        )
        self._backend = backend

    def describe(self) -> dict[str, Any]:
        """Return length, seed, and the score of the constant answer."""
        return {"task": self.name, "steps": self.steps, "seed": self.seed, "evaluation_size": self.evaluation_size,
                "baseline": self.baseline}  # fmt: skip

    def epoch_length(self, size: int) -> None:
        """Return None: the stream has no end."""

    def batch(self, iteration: int, size: int) -> Batch:
        """Return `size` fresh sequences: x (T, B, 2), target (B, 1)."""
        return self._draw("train", iteration, size)

    def evaluation(self, split: str, size: int, iteration: int = 0) -> Iterator[Batch]:
        """Yield the sequences of one evaluation, the same ones for every `size`."""
        _check.choice("tasks.Adding.evaluation", "split", split, ("train", *self.splits))
        if split == "train":
            while True:  # far from the iterations that training itself will see
                iteration += 1 << 32
                yield self._draw(split, iteration, size)
        for start in range(0, self.evaluation_size, size):
            part = start, min(size, self.evaluation_size - start)
            yield self._draw(split, iteration, self.evaluation_size, *part)

    def _draw(self, split: str, iteration: int, size: int, first: int = 0, count: int | None = None) -> Batch:
        key = (self.seed, STREAMS[split], iteration)
        ops = backend.get(self._backend)
        return Batch(*ops.adding.draw(key, self.steps, size, self.dtype, first, count))
