"""Tasks: one file each, all with one interface.

    file          data                                                   loss                   samples
    adding.py     sum two marked numbers in a long sequence              mse                    unlimited
    copying.py    repeat ten symbols after a long pause                  softmax_cross_entropy  unlimited
    mnist.py      classify an image read pixel by pixel                  softmax_cross_entropy  57000 + 3000 + 10000
    uea.py        time series of a UEA, UCR or regression problem        either                 set by the problem
    skeleton.py   classify random frames of a skeleton (NTU RGB+D)       softmax_cross_entropy  set by the protocol
    text.py       predict the next character or word of a text           softmax_cross_entropy  set by the text
    arrays.py     NumPy arrays of the user                               either                 set by the arrays
    npz.py        arrays in an npz file                                  either                 set by the file

Every batch is a pure function of (seed, split, iteration). A resumed run therefore restores its
data from the iteration alone. A new task is one file with a class that implements `Task`, and one
entry in `TASKS`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

from .. import _check
from .._types import Array, Json, Value


@dataclass(frozen=True)
class Batch:
    """A batch of time-major arrays.

    Parameters
    ----------
    x : array (T, B, D) or (T, B)
        Real inputs, or integer symbols.
    target : array (B, K), (T, B, K), (B,) or (T, B)
        Real targets, or integer labels, for the last time step or for every time step.
    lengths : array (B,), optional
        Valid time steps of each sample. None: all T. Values beyond a sample's length are ignored.
    mask : bool array with the shape of labels, optional
        Targets that count in the loss. None: all.
    recalled : bool array with the shape of labels, optional
        Targets whose accuracy an evaluation also reports separately, as "recall".
    repeats : int
        Samples per target: x has B · repeats samples, and the samples of a target are adjacent.
        An evaluation sums their scores.
    carry : bool
        Whether sample b continues from the final state of sample b of the previous batch. False:
        every sample starts from the initial state.

    Examples
    --------
    >>> import numpy as np
    >>> batch = Batch(np.zeros((5, 2, 3)), np.array([0, 1]), lengths=np.array([5, 3]))
    >>> batch.steps
    8
    """

    x: Array
    target: Array
    lengths: Array | None = None
    mask: Array | None = None
    recalled: Array | None = None
    repeats: int = 1
    carry: bool = False

    @property
    def steps(self) -> int:
        """Number of time steps in all samples, without padding."""
        return int(self.lengths.sum()) if self.lengths is not None else self.x.shape[0] * self.x.shape[1]


class Task(Protocol):
    """The interface of a task, as training uses it.

    Attributes
    ----------
    name : str
        The name in `TASKS`, which results show.
    input_size, output_size : int
        D and K.
    steps : int
        T, the length of the longest sequence. The bound on |u| depends on it.
    loss : str
        A key of `metrics.LOSSES`.
    output : {"last", "every"}
        Whether targets belong to the last time step or to every time step.
    metric : str
        The metric of the validation.
    baseline : float or None
        The metric of a prediction that ignores the input (blind_guess.py).
    splits : tuple of str
        The splits with samples, a subset of "validation" and "test".

    Notes
    -----
    A task with labels may have an attribute `class_counts` (K,), the number of the training targets
    of each class without padding (class_counts.py). class_weights="balanced" needs it.
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

    def describe(self) -> Json:
        """Return a description of the data for the results: sizes, seed and hashes."""

    def epoch_length(self, size: int) -> int | None:
        """Return the number of batches of `size` in an epoch, None for unlimited data."""

    def batch(self, iteration: int, size: int) -> Batch:
        """Return the training batch of an iteration, counted from 0."""

    def evaluation(self, split: str, size: int, iteration: int = 0) -> Iterator[Batch]:
        """Yield a split once, in batches of at most `size`; "train" yields an unlimited stream."""


TASKS = {
    "adding": "adding.Adding", "mnist": "mnist.Mnist", "copying": "copying.Copying", "uea": "uea.Uea",
    "sequences": "npz.Sequences", "skeleton": "skeleton.Skeleton", "chars": "text.Chars", "words": "text.Words",
}  # fmt: skip


def get(name: str, /, **options: Value) -> Task:
    """Return the task with this name.

    Parameters
    ----------
    name : str
        A key of `TASKS`.
    **options
        Arguments of the task's class.

    Examples
    --------
    >>> task = get("adding", steps=50)
    >>> task.batch(0, 8).x.shape
    (50, 8, 2)
    """
    return maker(name)(**options)


class Maker(Protocol):
    """The type of a task's class: a callable that takes options and returns a task."""

    def __call__(self, **options: Value) -> Task: ...


def maker(name: str) -> Maker:
    """Return the class of the task with this name."""
    _check.choice("tasks.get", "name", name, TASKS)
    module, kind = TASKS[name].split(".")
    return getattr(import_module(f".{module}", __name__), kind)
