"""A task out of the arrays that the user holds.

x (T, N, D), time-major, N samples. y tells the rest:

    integers (N,) or (T, N)          labels, after the last step or after each       softmax_cross_entropy, accuracy
    floats (N, K) or (T, N, K)       values, after the last step or after each       mse
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .. import _check
from . import Batch
from ._random import Shuffled, fingerprint, hold_out, order

LAYOUT = "(T, N, D), time first"
RECIPE = "numpy.ascontiguousarray(x.transpose(1, 0, 2))"


class Data(NamedTuple):
    """The arrays behind a split, and which of their samples belong to it."""

    x: np.ndarray
    y: np.ndarray
    lengths: np.ndarray | None
    samples: np.ndarray


class Arrays:
    """Minibatches out of arrays, in a new order each epoch; the last batch of an epoch holds what is left.

    x (T, N, D); y see above; lengths (N,) valid steps of each sample. validation: a share of the samples to hold
    out, or a tuple (x, y) or (x, y, lengths) of its own; None or 0 for none. test: such a tuple, or None. classes:
    number of labels K, None for the largest label + 1.
    """

    name, where = "arrays", "tasks.Arrays"
    baseline: float | None = None
    batches_per_epoch: int | None = None

    def __init__(
        self, x: np.ndarray, y: np.ndarray, lengths: np.ndarray | None = None, *,
        validation: float | tuple[np.ndarray | None, ...] | None = None,
        test: tuple[np.ndarray | None, ...] | None = None, classes: int | None = None, seed: int = 0,
    ):  # fmt: skip
        train = self._checked("train", x, y, lengths)
        self.seed, self.labels = seed, train.y.dtype.kind in "iu"
        self.output = "every" if train.y.ndim == (2 if self.labels else 3) else "last"
        self.loss, self.metric = ("softmax_cross_entropy", "accuracy") if self.labels else ("mse", "mse")
        self._data = {"train": train}
        if isinstance(validation, tuple):
            self._add("validation", *validation)
        elif validation:
            _check.between(self.where, "validation", validation, 0.0, 1.0)
            rest, held = hold_out(seed, validation, train.samples)
            _check.at_least(self.where, "samples left to train on", len(rest), 1)
            self._data = {"train": train._replace(samples=rest), "validation": train._replace(samples=held)}
        if test is not None:
            self._add("test", *test)
        self.input_size = x.shape[2]
        self.steps = max(data.x.shape[0] for data in self._data.values())
        self.output_size = self._classes(classes) if self.labels else train.y.shape[-1]
        self.splits = tuple(split for split in self._data if split != "train")
        self._shuffled = Shuffled(seed, self._data["train"].samples)

    def _names(self, split: str) -> tuple[str, str, str]:
        """What errors call a split's arrays."""
        before = "" if split == "train" else f"{split} "
        return f"{before}x", f"{before}y", f"{before}lengths"

    def _checked(self, split: str, x: Any, y: Any, lengths: Any = None) -> Data:
        y, lengths = np.asarray(y), None if lengths is None else np.asarray(lengths)
        _check_arrays(self.where, self._names(split), x, y, lengths)
        return Data(x, y, lengths, np.arange(x.shape[1]))

    def _add(self, split: str, *arrays: Any) -> None:
        """Take a split's own arrays, which have to be of the kind of those to train on."""
        own, data = self._data["train"], self._checked(split, *arrays)
        x, y, _, _ = data
        alike = x.shape[2] == own.x.shape[2] and x.dtype == own.x.dtype and y.ndim == own.y.ndim
        if not self.labels:
            alike = alike and y.dtype == own.y.dtype and y.shape[-1] == own.y.shape[-1]
        if not alike or (y.dtype.kind == "f") == self.labels:
            first, second, _ = self._names(split)
            _check.fail(
                self.where, f"{first}, {second} have shapes {x.shape}, {y.shape} and dtypes {x.dtype}, {y.dtype}",
                f"the kind of {own.x.shape}, {own.y.shape} and {own.x.dtype}, {own.y.dtype}", "to match x, y",
            )  # fmt: skip
        self._data[split] = data

    def _classes(self, classes: int | None) -> int:
        """Return the number of classes, and check all labels against it."""
        number = max(int(data.y.max()) for data in self._data.values()) + 1 if classes is None else classes
        for split, data in self._data.items():
            _check_labels(self.where, self._names(split)[1], data.y, number)
        return number

    def describe(self) -> dict[str, Any]:
        """Return shapes, the seed, and a hash of the data."""
        x, y, _, _ = self._data["train"]
        return {
            "task": self.name, "x": list(x.shape), "y": list(y.shape), "seed": self.seed,
            "samples": {split: len(data.samples) for split, data in self._data.items()},
            "sha256": {"x": fingerprint(x), "y": fingerprint(y)},
        }  # fmt: skip

    def epoch_length(self, size: int) -> int:
        """Return the batches in an epoch, the smaller last one among them."""
        _check.at_least(self.where, "batch", size, 1)
        return -(-len(self._data["train"].samples) // size)

    def batch(self, iteration: int, size: int) -> Batch:
        """Return the batch of update number `iteration`."""
        epoch, position = divmod(iteration, self.epoch_length(size))
        return self._gather("train", self._shuffled(epoch)[position * size : (position + 1) * size])

    def evaluation(self, split: str, size: int, iteration: int = 0) -> Iterator[Batch]:
        """Yield a split in batches of at most `size`; "train": random samples for ever."""
        _check.choice(f"{self.where}.evaluation", "split", split, ("train", *self.splits))
        index = self._data[split].samples
        while split == "train":
            iteration += 1 << 32  # far from the epochs' numbers
            yield self._gather(split, index[order(self.seed, "train", iteration, len(index))[:size]])
        for start in range(0, len(index), size):
            yield self._gather(split, index[start : start + size])

    def _gather(self, split: str, index: np.ndarray) -> Batch:
        x, y, lengths, _ = self._data[split]
        target = np.take(y, index, axis=1) if self.output == "every" else y[index]
        return Batch(np.take(x, index, axis=1), target, None if lengths is None else lengths[index])


def _check_arrays(
    where: str, names: tuple[str, str, str], x: np.ndarray, y: np.ndarray, lengths: np.ndarray | None
) -> None:
    name_x, name_y, name_lengths = names
    if not isinstance(x, np.ndarray):
        _check.fail(where, f"{name_x} is a {type(x).__name__}", "a numpy.ndarray", error=TypeError)
    if x.ndim != 3:  # need not be contiguous, because batches are copies: a view such as x[:, :100] will do
        _check.fail(where, f"{name_x} has shape {x.shape}", LAYOUT)
    _check.floats(where, **{name_x: x})
    if y.dtype.kind not in "iuf":
        _check.fail(where, f"{name_y} has dtype {y.dtype}", "integer labels or real values")
    axes = (2, 3) if y.dtype.kind == "f" else (1, 2)
    layout = "integers (N,) or (T, N), or floats (N, K) or (T, N, K)"
    _check.array(where, name_y, np.ascontiguousarray(y), axes, layout)
    _check_layout(where, names, x, y, every=y.ndim == axes[1])
    if min(x.shape) == 0:
        _check.fail(where, f"{name_x} has shape {x.shape}", "at least one step, sample and input")
    _check.lengths(where, lengths, x.shape[0], x.shape[1], name_lengths)
    _check.finite(where, name_x, x)
    if y.dtype.kind == "f":
        _check.finite(where, name_y, y)


def _check_layout(where: str, names: tuple[str, str, str], x: np.ndarray, y: np.ndarray, every: bool) -> None:
    """Check that x and y have the same steps and samples, and recognise what has the batch first."""
    T, N, _ = x.shape
    expected, turned = ((T, N), (N, T)) if every else ((N,), (T,))
    if y.shape[: len(expected)] == expected:
        return
    if y.shape[: len(turned)] == turned:
        _check.fail(where, f"{names[0]} has shape {x.shape} and {names[1]} {y.shape}, which looks like batch first",
                    f"{names[0]} with time first, (T, N, D)", f"; {RECIPE} makes one")  # fmt: skip
    _check.fail(where, f"{names[1]} has shape {y.shape}", f"{expected} first",
                f"to match {names[0]} with shape {x.shape}")  # fmt: skip


def _check_labels(where: str, name: str, y: np.ndarray, classes: int) -> None:
    wrong = (y < 0) | (y >= classes)
    if wrong.any():
        index = [int(i) for i in np.unravel_index(int(np.argmax(wrong)), y.shape)]
        _check.fail(where, f"{name}{index} is {y[tuple(index)]}", f"0 to {classes - 1}",
                    f"because there are {classes} classes")  # fmt: skip
