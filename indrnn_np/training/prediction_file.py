"""The predictions of an evaluation as lines of a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np

from .._types import Array, Value
from ..tasks import Batch
from ..tasks.standardise import Scaling
from ..tasks.targets import SOFTMAX

BINARY = "binary_cross_entropy"


class PredictionFile:
    """Write a line for each target that counts, as an observer of `metrics.evaluate`.

    The columns depend on the loss:

    - "softmax_cross_entropy": target, prediction, and the probability of each class under its name
    - "binary_cross_entropy": target_k and the probability of each label k
    - other losses: target_k and output_k

    The first column is the number of the sample in the order of the evaluation, from 0. With a
    target for every time step, the second column is the time step. A batch that carries on the
    streams of the batch before it has the same samples, at later time steps.

    Parameters
    ----------
    file : binary file
        Open file.
    loss : str
        Name of the loss.
    names : sequence of str
        Names of the K classes or outputs.
    scale : Scaling, optional
        Scaling of real targets, which the file holds in their original units.
    """

    def __init__(self, file: BinaryIO, loss: str, names: Sequence[str], scale: Scaling | None = None) -> None:
        self._file, self._loss, self._names, self._scale = file, loss, names, scale
        self._first, self._start = 0, 0  # sample and time step at which the next batch begins
        self._samples = 0  # of the latest batch
        self._empty = True

    def __call__(self, batch: Batch, y: Array, target: Array, mask: Array | None) -> None:
        """Write the lines of a batch: time steps of a sample stand together."""
        every = y.ndim == 3
        if not batch.carry:
            self._first, self._start = self._first + self._samples, 0
        self._samples = y.shape[-2]
        counted = np.ones(y.shape[:-1], np.bool_) if mask is None else mask
        places = np.argwhere(counted.T if every else counted)  # (sample, step) or (sample,)
        rows = tuple(places.T[::-1])
        columns = [places[:, 0] + self._first]
        if every:
            columns.append(places[:, 1] + self._start)
            self._start += len(y)
        self._write([*columns, *self._values(y[rows], target[rows])], every)

    def _values(self, y: Array, target: Array) -> list[Array | list[str]]:
        """Return the columns after those of the place, for y (n, K)."""
        import scipy.special

        if self._loss == SOFTMAX:
            names = np.array(self._names, object)
            return [
                names[target].tolist(),
                names[y.argmax(axis=1)].tolist(),
                *scipy.special.softmax(y, axis=1).T,
            ]
        if self._scale is not None:
            target, y = self._scale.restore(target), self._scale.restore(y)
        return [*target.reshape(len(y), -1).T, *(scipy.special.expit(y) if self._loss == BINARY else y).T]

    def _heads(self, every: bool, columns: int) -> list[str]:
        """Return the names of the columns, of which there are `columns`."""
        place = ["sample", "step"] if every else ["sample"]
        if self._loss == SOFTMAX:
            return [*place, "target", "prediction", *self._names]
        kind, K = "probability" if self._loss == BINARY else "output", len(self._names)
        targets = [f"target_{k}" for k in range(columns - len(place) - K)]
        return [*place, *targets, *(f"{kind}_{name}" for name in self._names)]

    def _write(self, columns: list[Value], every: bool) -> None:
        """Write lines from their columns, after the names of the columns."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if self._empty:
            writer.writerow(self._heads(every, len(columns)))
            self._empty = False
        writer.writerows(zip(*columns, strict=True))
        self._file.write(text.getvalue().encode("utf-8", "surrogateescape"))
