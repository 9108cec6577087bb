"""Tasks: one file each, all with one interface.

    adding.py     two marked numbers in a long stream, to be summed      mse                    no end of data
    copying.py    ten symbols, to be repeated after a long pause         softmax_cross_entropy  no end of data
    mnist.py      an image read pixel by pixel, plain or permuted        softmax_cross_entropy  57000 + 3000 + 10000
    uea.py        the time series of a UEA or UCR problem                softmax_cross_entropy  as the problem
    skeleton.py   random frames of recorded bodies (NTU RGB+D)           softmax_cross_entropy  as the protocol
    text.py       the next character or word of a text, as a stream      softmax_cross_entropy  as the text
    arrays.py     what the user already holds as NumPy arrays            either                 as given
    npz.py        the same out of a file                                 either                 as given

Every batch is a pure function of (seed, split, iteration), so that a resumed run needs no random state but its
iteration. A new task is one file with a class that fits `Task`, and one line in `TASKS`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

import numpy as np

from .. import _check


@dataclass(frozen=True)
class Batch:
    """One batch, time-major.

    x (T, B, D), or (T, B) symbols; target (B, K) or (T, B, K) real, or labels (B,) or (T, B); lengths (B,) valid steps
    of each sample, or None for all; mask: which targets count, shaped like labels, or None for all (with lengths and
    a target for each step: the valid ones). recalled: the targets whose accuracy an evaluation tells apart, as
    "recall", shaped like labels, or None. repeats: x has B · repeats samples, those of one target side by side, and
    an evaluation adds up their scores. carry: sample b goes on with the state that sample b of the batch before ended
    with; else it starts anew.
    """

    x: np.ndarray
    target: np.ndarray
    lengths: np.ndarray | None = None
    mask: np.ndarray | None = None
    recalled: np.ndarray | None = None
    repeats: int = 1
    carry: bool = False

    @property
    def steps(self) -> int:
        """Time steps in all samples together, padding not counted."""
        return int(self.lengths.sum()) if self.lengths is not None else self.x.shape[0] * self.x.shape[1]


class Task(Protocol):
    """What training asks of a task.

    name; input_size D and output_size K; steps T (the longest sequence, which the bound on |u| needs); loss, a name
    out of `metrics.LOSSES`; output "last" or "every"; metric, the name of what is validated; baseline, what a blind
    guess scores, or None; splits, what there is to evaluate on, out of "validation" and "test"; batches_per_epoch,
    or None for the number that the data gives.
    """

    name: str
    input_size: int
    output_size: int
    steps: int
    loss: str
    output: str
    metric: str
    baseline: float | None
    splits: tuple[str, ...]
    batches_per_epoch: int | None

    def describe(self) -> dict[str, Any]:
        """Return what the results should say about the data: sizes, seed, what makes this copy of it unique."""

    def epoch_length(self, size: int) -> int | None:
        """Return the iterations in an epoch of batches of `size`; None where the data never ends."""

    def batch(self, iteration: int, size: int) -> Batch:
        """Return the training batch of update number `iteration`, counted from 0."""

    def evaluation(self, split: str, size: int, iteration: int = 0) -> Iterator[Batch]:
        """Yield a split once, in batches of at most `size`. "train" yields fresh training samples for ever."""


TASKS = {
    "adding": "adding.Adding", "mnist": "mnist.Mnist", "copying": "copying.Copying", "uea": "uea.Uea",
    "sequences": "npz.Sequences", "skeleton": "skeleton.Skeleton", "chars": "text.Chars", "words": "text.Words",
}  # fmt: skip


def get(name: str, /, **options: Any) -> Task:
    """Build a task by name; `options` go to its class."""
    _check.choice("tasks.get", "name", name, TASKS)
    module, kind = TASKS[name].split(".")
    return getattr(import_module(f".{module}", __name__), kind)(**options)
