"""The metric of a guess that ignores the input, from the training targets: the baseline of a task.

    labels     the share of the most common class: the accuracy of the guess of that class
    values     mean (target - mean target)² : the mean squared error of the guess of each output's mean

Both are measured on the training targets, without padding. On other data, whose classes or values
have another distribution, the same guess has another score.
"""

from __future__ import annotations

import numpy as np

from .._types import Array


def accuracy(labels: Array) -> float:
    """Return the share of the most common class in labels from 0.

    Examples
    --------
    >>> import numpy as np
    >>> accuracy(np.array([0, 1, 1, 2]))
    0.5
    """
    return float(np.unique(labels, return_counts=True)[1].max() / labels.size)


def mse(values: Array) -> float:
    """Return the mean variance of the columns of values (n, K).

    Examples
    --------
    >>> import numpy as np
    >>> mse(np.array([[0.0, 1.0], [2.0, 1.0]]))
    0.5
    """
    return float(values.var(axis=0, dtype=np.float64).mean())


METRICS = {"accuracy": accuracy, "mse": mse}


def of_metric(metric: str, targets: Array) -> float | None:
    """Return the metric of the blind guess for targets (n,) or (n, K); None for another metric or without targets."""
    return METRICS[metric](targets) if metric in METRICS and len(targets) else None
