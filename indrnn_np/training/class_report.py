"""The confusion matrix of a classifier on a split, with the precision and the recall of each class.

confusion[k, j] = number of targets of class k that are predicted as class j
precision[j] = confusion[j, j] / Σ_k confusion[k, j],   recall[k] = confusion[k, k] / Σ_j confusion[k, j]
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from .. import _check
from .._types import Array, Json
from ..layers.chain import check_layers
from ..networks.sequential import Sequential
from ..tasks import Batch
from ..tasks.targets import SOFTMAX
from . import metrics

LARGEST = 1000  # classes; the matrix of a vocabulary would fill the memory


@dataclass(frozen=True)
class ClassReport:
    """Predictions of a split, counted by class.

    Parameters
    ----------
    names : tuple of str
        Names of the K classes.
    confusion : int array (K, K)
        Number of targets of a class (row) that are predicted as a class (column).

    Examples
    --------
    >>> import numpy as np
    >>> report = ClassReport(("no", "yes"), np.array([[3, 1], [0, 0]]))
    >>> report.samples.tolist(), report.precision.tolist(), report.recall.tolist()
    ([4, 0], [1.0, 0.0], [0.75, nan])
    """

    names: tuple[str, ...]
    confusion: Array

    @property
    def samples(self) -> Array:
        """Targets of each class, (K,)."""
        return self.confusion.sum(axis=1)

    @property
    def precision(self) -> Array:
        """Share of the predictions of each class that are right, (K,); NaN without a prediction."""
        return _shares(self.confusion.diagonal(), self.confusion.sum(axis=0))

    @property
    def recall(self) -> Array:
        """Share of the targets of each class that are predicted, (K,); NaN without a target."""
        return _shares(self.confusion.diagonal(), self.samples)

    def to_json(self) -> Json:
        """Return the classes and the confusion matrix as JSON, with null for NaN."""
        columns = self.names, self.samples.tolist(), _json(self.precision), _json(self.recall)
        keys = ("name", "samples", "precision", "recall")
        rows = zip(*columns, strict=True)
        return {
            "classes": [dict(zip(keys, row, strict=True)) for row in rows],
            "confusion": self.confusion.tolist(),
        }


class ClassCounts:
    """Count the predictions of an evaluation in a confusion matrix (K, K), as an observer of `metrics.evaluate`."""

    def __init__(self, confusion: Array) -> None:
        self.confusion = confusion

    def __call__(self, batch: Batch, y: Array, target: Array, mask: Array | None) -> None:
        """Add the targets of a batch that count."""
        K, rows = len(self.confusion), ... if mask is None else mask
        pairs = target[rows].astype(np.int64).ravel() * K + y[rows].argmax(axis=-1).ravel()
        self.confusion += np.bincount(pairs, minlength=K * K).reshape(K, K)


def class_report(
    net: Sequential, batches: Iterable[Batch], names: Sequence[object] | None = None
) -> ClassReport:
    """Return the confusion matrix of a network on the batches of a split.

    Parameters
    ----------
    net : Sequential
        Network with an output for each class.
    batches : iterable of Batch
        Batches with labels, such as `task.evaluation("test", 100)`.
    names : sequence, optional
        Names of the K classes. None: the numbers 0 to K - 1.

    Returns
    -------
    ClassReport

    Raises
    ------
    ValueError
        If no target counts, if a label is out of range, or if the number of names is not K.

    Examples
    --------
    >>> import numpy as np
    >>> import indrnn_np as ir
    >>> from indrnn_np.tasks.arrays import Arrays
    >>> x = np.zeros((5, 3, 2), np.float32)
    >>> task = Arrays(x, np.array([0, 1, 1]), test=(x, np.array([0, 1, 0])))
    >>> net = ir.plain(2, 4, 2, layers=1, steps=5)
    >>> class_report(net, task.evaluation("test", 2)).samples.tolist()
    [2, 1]
    """
    K = check_layers("class_report", net.layers) or 0
    labels = range(K) if names is None else names
    if len(labels) != K:
        _check.fail("class_report", f"names has {len(labels)} entries", f"{K}, the outputs of the network")
    _check.between("class_report", "number of classes", K, 1, LARGEST + 1)
    report = ClassReport(tuple(str(name) for name in labels), np.zeros((K, K), np.int64))
    metrics.evaluate(net, batches, SOFTMAX, observers=[ClassCounts(report.confusion)])
    return report


def class_names(described: Json, K: int) -> tuple[str, ...]:
    """Return the names of K classes from the description of a task (`Task.describe`), else their numbers."""
    for key in ("classes", "vocabulary"):
        named = described.get(key)
        if isinstance(named, list) and len(named) == K:
            return tuple(str(name) for name in named)
    first, _ = described.get("labels") or (0, K - 1)  # of mnist and data sets in its format
    return tuple(str(first + k) for k in range(K))


def _shares(parts: Array, wholes: Array) -> Array:
    """Return parts / wholes, NaN where a whole is 0."""
    return np.where(wholes > 0, parts / np.maximum(wholes, 1), np.nan)


def _json(values: Array) -> list[float | None]:
    """Return numbers as JSON, with None for NaN."""
    return [None if np.isnan(value) else float(value) for value in values]
