"""Numbers of the training targets of each class, from which balanced class weights follow."""

from __future__ import annotations

import numpy as np

from .._types import Array
from . import Task


def of_labels(labels: Array, classes: int) -> Array:
    """Return the number of labels of each class, (K,).

    Examples
    --------
    >>> of_labels(np.array([0, 2, 2]), 4).tolist()
    [1, 0, 2, 0]
    """
    return np.bincount(labels.astype(np.int64).ravel(), minlength=classes)


def of_task(task: Task) -> Array | None:
    """Return `task.class_counts`; None if the task has no such attribute, no labels or unlimited data."""
    return getattr(task, "class_counts", None)
