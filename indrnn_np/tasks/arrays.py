"""A task from NumPy arrays: x (T, N, D) holds N samples, time-major; y sets targets, loss and metric.

    integers (N,) or (T, N)          labels, at the last or at every time step       softmax_cross_entropy, accuracy
    floats (N, K) or (T, N, K)       values, at the last or at every time step       mse

_check/sequences.py describes the other layouts of x, and targets.py the other forms of y. Values
beyond a sample's length are ignored.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from .. import _check
from .._check import convert, sequences
from .._types import Array, ArrayInput, Json
from . import Batch, blind_guess, class_counts
from ._random import Shuffled, fingerprint, hold_out, order
from .array_checks import check_arrays, counted
from .standardise import Scaling, scaling
from .targets import MSE, SOFTMAX, Names, Targets, loss_name

SHARE = (int, float, np.number)


class Data(NamedTuple):
    """Arrays for training or validation. A tuple (x, y) or (x, y, lengths) is equivalent.

    Parameters
    ----------
    x : array (T, N, D)
        Inputs of N samples, time-major.
    y : array
        Integer labels (N,) or (T, N), or real values (N, K) or (T, N, K).
    lengths : array (N,)
        Valid time steps of each sample; None: all T.

    Examples
    --------
    >>> import numpy as np
    >>> data = Data(np.zeros((5, 3, 2)), y=np.array([0, 1, 1]), lengths=np.array([5, 4, 2]))
    >>> data.x.shape
    (5, 3, 2)
    """

    x: ArrayInput
    y: ArrayInput
    lengths: ArrayInput = None


class Split(NamedTuple):
    """The arrays of a split, and the indices of its samples in them."""

    x: Array
    y: Array
    lengths: Array | None
    samples: Array


class Arrays:
    """Draw batches from arrays, shuffled anew each epoch; the last batch of an epoch may be smaller.

    Parameters
    ----------
    x, y, lengths
        See `Data`.
    validation : float or tuple, optional
        Share of the samples to hold out, or separate arrays (x, y) or (x, y, lengths).
    test : tuple, optional
        Arrays (x, y) or (x, y, lengths).
    classes : int, optional
        Number of classes K. None: the largest label + 1.
    seed : int
        Seed of the held-out samples and of the order in each epoch.
    dtype : dtype, optional
        Precision of real numbers. None: the dtype of x.
    targets : Targets, optional
        How to read y, and the layout of x and y. By default the axes and the dtype of y decide.
    groups : array (N,), optional
        Group of each sample, such as a person. A group is held out as a whole; `validation` is then
        the share of the groups.

    Attributes
    ----------
    names : sequence of str or bool, or None
        Names of the classes, if y holds strings or booleans.

    Examples
    --------
    >>> import numpy as np
    >>> task = Arrays(np.zeros((5, 3, 2)), np.array([0, 1, 1]))
    >>> task.loss, task.output_size
    ('softmax_cross_entropy', 2)
    """

    name, where = "arrays", "tasks.Arrays"

    def __init__(
        self, x: ArrayInput, y: ArrayInput, lengths: ArrayInput = None, *, validation: ArrayInput = None,
        test: tuple[ArrayInput, ...] | None = None, classes: int | None = None, seed: int = 0,
        dtype: DTypeLike | None = None, targets: Targets | None = None, groups: Array | None = None,
    ):  # fmt: skip
        self.names: Names | None = None
        self._targets = replace(targets or Targets(), outputs=classes, dtype=dtype)
        train = self._checked("train", x, y, lengths)
        self.seed, self.labels = seed, train.y.dtype.kind in "iu"
        self.output = "every" if train.y.ndim == (2 if self.labels else 3) else "last"
        self.loss = loss_name(self._targets.loss) if self._targets.loss else SOFTMAX if self.labels else MSE
        self.metric = "accuracy" if self.loss == SOFTMAX else self.loss
        self._data = {"train": train}
        if validation is not None and not isinstance(validation, SHARE):
            self._add("validation", validation, "a share, (x, y) or (x, y, lengths)")
        elif validation:
            _check.between(self.where, "validation", float(validation), 0.0, 1.0)
            rest, held = hold_out(seed, float(validation), train.samples, groups)
            _check.at_least(self.where, "samples left to train on", len(rest), 1)
            self._data = {"train": train._replace(samples=rest), "validation": train._replace(samples=held)}
        if test is not None:
            self._add("test", test, "(x, y) or (x, y, lengths)")
        self.input_size = train.x.shape[2]
        self.steps = max(data.x.shape[0] for data in self._data.values())
        self.output_size = self._classes(classes) if self.labels else train.y.shape[-1]
        self.splits = tuple(split for split in self._data if split != "train")
        trained = self._training_targets()
        self.baseline: float | None = blind_guess.of_metric(self.metric, trained)
        self.class_counts = class_counts.of_labels(trained, self.output_size) if self.labels else None
        self._shuffled = Shuffled(seed, self._data["train"].samples)
        self._scaling: Scaling | None = None

    def standardise(self) -> None:
        """Standardise each channel of x by the training samples, without padding (standardise.py)."""
        x, _, lengths, samples = self._data["train"]
        valid = np.arange(len(x))[:, None] < (len(x) if lengths is None else lengths[samples])
        valid = np.broadcast_to(valid, (len(x), len(samples)))
        self._scaling = scaling(self.where, (x[:, samples, d][valid] for d in range(x.shape[2])))

    def _names(self, split: str) -> tuple[str, str, str]:
        """Return the names of a split's arrays in error messages."""
        before = "" if split == "train" else f"{split} "
        return f"{before}x", f"{before}y", f"{before}lengths"

    def _checked(self, split: str, x: ArrayInput, y: ArrayInput, lengths: ArrayInput = None) -> Split:
        where, names, read = self.where, self._names(split), self._targets
        if lengths is not None:
            lengths = convert.array(where, names[2], lengths)
        x, lengths = sequences.time_major(where, names[0], x, read.dtype, lengths, read.layout)
        x = convert.plain(where, names[0], x)  # refuses arrays in GPU memory
        y = read.array(where, names[1], y, x, lengths)
        if split == "train":
            self.names = read.names(where, names[1], y, lengths)
        y = read.read(where, names[1], y, lengths, self.names)
        if read.layout != sequences.TIME_MAJOR:
            names = (f"time-major {names[0]}", *names[1:])  # of which errors show shapes and indices
        check_arrays(where, names, x, y, lengths)
        return Split(x, y, lengths, np.arange(x.shape[1]))

    def _add(self, split: str, arrays: object, expected: str) -> None:
        """Add a split from separate arrays, which must match the training arrays in kind."""
        if not isinstance(arrays, tuple):
            _check.fail(self.where, f"{split} is a {type(arrays).__name__}", expected, error=TypeError)
        if len(arrays) not in (2, 3):
            _check.fail(self.where, f"{split} has {len(arrays)} entries", expected)
        train, data = self._data["train"], self._checked(split, *arrays)
        x, y, _, _ = data
        alike = x.shape[2] == train.x.shape[2] and x.dtype == train.x.dtype and y.ndim == train.y.ndim
        if not self.labels:
            alike = alike and y.dtype == train.y.dtype and y.shape[-1] == train.y.shape[-1]
        if not alike or (y.dtype.kind == "f") == self.labels:
            first, second, _ = self._names(split)
            kinds = f"{x.shape}, {y.shape} and dtypes {x.dtype}, {y.dtype}"
            expected = f"the kind of {train.x.shape}, {train.y.shape} and {train.x.dtype}, {train.y.dtype}"
            _check.fail(self.where, f"{first}, {second} have shapes {kinds}", expected, "to match x, y")
        self._data[split] = data

    def _classes(self, classes: int | None) -> int:
        """Return the number of classes, after checking all labels against it."""
        among = {split: counted(self.where, data.y, data.lengths) for split, data in self._data.items()}
        if classes is not None:
            _check.at_least(self.where, "classes", classes, 1)
        largest = [int(data.y.max(initial=0, where=among[split])) for split, data in self._data.items()]
        number = classes or len(self.names or ()) or 1 + max(largest)
        cure = "numpy.unique(y, return_inverse=True)[1] numbers labels from 0"
        kind = 'class; loss="mse" reads y as values' if number == 1 else f"classes; {cure}"
        for split, data in self._data.items():
            name = self._names(split)[1]
            _check.symbols(self.where, name, data.y, number, among[split], kind)
        return number

    def _training_targets(self) -> Array:
        """Return the training targets (n,) or (n, K), without those beyond a sample's length."""
        _, y, lengths, samples = self._data["train"]
        if self.output == "last":
            return y[samples]
        y = y[:, samples]
        steps = np.full(len(samples), len(y)) if lengths is None else lengths[samples]
        return y[np.arange(len(y))[:, None] < steps]

    def describe(self) -> Json:
        """Return the shapes, the seed and a hash of the data."""
        x, y, lengths, _ = self._data["train"]
        ends = lengths if self.output == "every" else None
        clean = {"x": (x, lengths), "y": (y, ends)}
        named = {} if self.names is None else {"classes": list(self.names)}
        named |= {} if self._scaling is None else self._scaling.describe()
        return {
            "task": self.name, **named, "x": list(x.shape), "y": list(y.shape), "seed": self.seed,
            "samples": {split: len(data.samples) for split, data in self._data.items()},
            "sha256": {name: fingerprint(convert.without_padding(self.where, *pair)) for name, pair in clean.items()},
        }  # fmt: skip

    def epoch_length(self, size: int) -> int:
        """Return the number of batches in an epoch, including a smaller last batch."""
        _check.at_least(self.where, "batch", size, 1)
        return -(-len(self._data["train"].samples) // size)

    def batch(self, iteration: int, size: int) -> Batch:
        """Return the training batch of an iteration."""
        _check.at_least(self.where, "iteration", iteration, 0)
        epoch, position = divmod(iteration, self.epoch_length(size))
        return self._gather("train", self._shuffled(epoch)[position * size : (position + 1) * size])

    def evaluation(self, split: str, size: int, iteration: int = 0) -> Iterator[Batch]:
        """Yield a split in batches of at most `size`; "train": an unlimited stream of random samples."""
        _check.choice(f"{self.where}.evaluation", "split", split, ("train", *self.splits))
        index = self._data[split].samples
        while split == "train":
            iteration += 1 << 32  # numbers that no epoch reaches
            yield self._gather(split, index[order(self.seed, "train", iteration, len(index))[:size]])
        for start in range(0, len(index), size):
            yield self._gather(split, index[start : start + size])

    def _gather(self, split: str, index: Array) -> Batch:
        x, y, lengths, _ = self._data[split]
        target = np.take(y, index, axis=1) if self.output == "every" else y[index]
        x = np.take(x, index, axis=1)
        x = x if self._scaling is None else self._scaling.apply(x)
        return Batch(x, target, None if lengths is None else lengths[index])


class DataOfFit(Arrays):
    """The data of `fit`, whose errors name that function."""

    where = "fit"
