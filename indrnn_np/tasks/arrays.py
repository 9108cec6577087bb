"""A task out of the arrays that the user holds.

x (T, N, D), time-major, N samples. y tells the rest:

    integers (N,) or (T, N)          labels, after the last step or after each       softmax_cross_entropy, accuracy
    floats (N, K) or (T, N, K)       values, after the last step or after each       mse
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import _check
from . import Batch
from ._random import fingerprint, order

WHERE = "tasks.Arrays"
LAYOUT = "(T, N, D), time first"
RECIPE = "numpy.ascontiguousarray(x.transpose(1, 0, 2))"


class Arrays:
    """Minibatches out of arrays, in a new order each epoch; the last batch of an epoch holds what is left.

    x (T, N, D); y see above; lengths (N,) valid steps of each sample. validation: a share of the samples to hold
    out, or a tuple (x, y) or (x, y, lengths) of its own, or None. classes: number of labels K, None for the largest
    label + 1.
    """

    name = "arrays"
    baseline: float | None = None
    batches_per_epoch: int | None = None

    def __init__(
        self, x: np.ndarray, y: np.ndarray, lengths: np.ndarray | None = None, *,
        validation: float | tuple[np.ndarray, ...] | None = None, classes: int | None = None, seed: int = 0,
    ):  # fmt: skip
        y, lengths = np.asarray(y), None if lengths is None else np.asarray(lengths)
        _check_arrays(x, y, lengths, "")
        self.labels, self.seed = y.dtype.kind in "iu", seed
        self.output = "every" if y.ndim == (2 if self.labels else 3) else "last"
        self.loss, self.metric = ("softmax_cross_entropy", "accuracy") if self.labels else ("mse", "mse")
        self.steps, count, self.input_size = x.shape
        everything = np.arange(count)
        self._data = {"train": (x, y, lengths, everything)}
        if isinstance(validation, tuple):
            self._hold_out_arrays(*validation)
        elif validation is not None:
            _check.between(WHERE, "validation", validation, 0.0, 1.0)
            held = max(1, round(count * validation))
            _check.at_least(WHERE, "samples left to train on", count - held, 1)
            mixed = order(seed, "split", 0, count)
            self._data = {"train": (x, y, lengths, mixed[held:]), "validation": (x, y, lengths, mixed[:held])}
        if self.labels:
            largest = max(int(data[1].max()) for data in self._data.values())
            self.output_size = largest + 1 if classes is None else classes
            for split, data in self._data.items():
                _check_labels("" if split == "train" else "validation ", data[1], self.output_size)
        else:
            self.output_size = y.shape[-1]
        self.splits = tuple(split for split in self._data if split != "train")
        self._epoch: tuple[int, np.ndarray] | None = None

    def _hold_out_arrays(self, x: np.ndarray, y: np.ndarray, lengths: np.ndarray | None = None) -> None:
        y, lengths = np.asarray(y), None if lengths is None else np.asarray(lengths)
        _check_arrays(x, y, lengths, "validation ")
        own = self._data["train"]
        if x.shape[2] != self.input_size or y.ndim != own[1].ndim or y.dtype.kind != own[1].dtype.kind:
            _check.fail(WHERE, f"validation x, y have shapes {x.shape}, {y.shape} and y {y.dtype}",
                        f"the kind of {own[0].shape}, {own[1].shape} and {own[1].dtype}", "to match x, y")  # fmt: skip
        self._data["validation"] = (x, y, lengths, np.arange(x.shape[1]))
        self.steps = max(self.steps, x.shape[0])

    def describe(self) -> dict[str, Any]:
        """Return shapes, the seed, and a hash of the data."""
        x, y, _, _ = self._data["train"]
        return {
            "task": self.name, "x": list(x.shape), "y": list(y.shape), "seed": self.seed,
            "samples": {split: len(data[3]) for split, data in self._data.items()},
            "sha256": {"x": fingerprint(x), "y": fingerprint(y)},
        }  # fmt: skip

    def epoch_length(self, size: int) -> int:
        """Return the batches in an epoch, the smaller last one among them."""
        _check.at_least(WHERE, "batch", size, 1)
        return -(-len(self._data["train"][3]) // size)

    def batch(self, iteration: int, size: int) -> Batch:
        """Return the batch of update number `iteration`."""
        epoch, position = divmod(iteration, self.epoch_length(size))
        index = self._data["train"][3]
        if self._epoch is None or self._epoch[0] != epoch:
            self._epoch = (epoch, index[order(self.seed, "epoch", epoch, len(index))])
        return self._gather("train", self._epoch[1][position * size : (position + 1) * size])

    def evaluation(self, split: str, size: int, iteration: int = 0) -> Iterator[Batch]:
        """Yield a split in batches of at most `size`; "train": random samples for ever."""
        _check.choice(f"{WHERE}.evaluation", "split", split, ("train", *self.splits))
        index = self._data[split][3]
        while split == "train":
            iteration += 1 << 32  # far from the epochs' numbers
            yield self._gather(split, index[order(self.seed, "train", iteration, len(index))[:size]])
        for start in range(0, len(index), size):
            yield self._gather(split, index[start : start + size])

    def _gather(self, split: str, index: np.ndarray) -> Batch:
        x, y, lengths, _ = self._data[split]
        target = np.take(y, index, axis=1) if self.output == "every" else y[index]
        return Batch(np.take(x, index, axis=1), target, None if lengths is None else lengths[index])


def _check_arrays(x: np.ndarray, y: np.ndarray, lengths: np.ndarray | None, prefix: str) -> None:
    if not isinstance(x, np.ndarray):
        _check.fail(WHERE, f"{prefix}x is a {type(x).__name__}", "a numpy.ndarray", error=TypeError)
    if (
        x.ndim != 3
    ):  # it need not be contiguous, because batches are copies: a view such as x[:, :100] will do
        _check.fail(WHERE, f"{prefix}x has shape {x.shape}", LAYOUT)
    _check.floats(WHERE, **{f"{prefix}x": x})
    if y.dtype.kind not in "iuf":
        _check.fail(WHERE, f"{prefix}y has dtype {y.dtype}", "integer labels or real values")
    axes = (2, 3) if y.dtype.kind == "f" else (1, 2)
    _check.array(
        WHERE,
        f"{prefix}y",
        np.ascontiguousarray(y),
        axes,
        "integers (N,) or (T, N), or floats (N, K) or (T, N, K)",
    )
    every = y.ndim == axes[1]
    T, N, _ = x.shape
    expected = (T, N) if every else (N,)
    if y.shape[: len(expected)] != expected:
        turned = (N, T) if every else (T,)
        if y.shape[: len(turned)] == turned:
            _check.fail(WHERE, f"{prefix}x has shape {x.shape} and y {y.shape}, which looks like batch first",
                        "x with time first, (T, N, D)", f"; {RECIPE} makes one")  # fmt: skip
        _check.fail(
            WHERE,
            f"{prefix}y has shape {y.shape}",
            f"{expected} first",
            f"to match {prefix}x with shape {x.shape}",
        )
    if min(x.shape) == 0:
        _check.fail(WHERE, f"{prefix}x has shape {x.shape}", "at least one step, sample and input")
    _check.lengths(WHERE, lengths, T, N)
    _check.finite(WHERE, f"{prefix}x", x)
    if y.dtype.kind == "f":
        _check.finite(WHERE, f"{prefix}y", y)


def _check_labels(prefix: str, y: np.ndarray, classes: int) -> None:
    wrong = (y < 0) | (y >= classes)
    if wrong.any():
        index = [int(i) for i in np.unravel_index(int(np.argmax(wrong)), y.shape)]
        _check.fail(
            WHERE,
            f"{prefix}y{index} is {y[tuple(index)]}",
            f"0 to {classes - 1}",
            f"because there are {classes} classes",
        )
