"""Class weights and label smoothing of the loss that is trained; evaluations have neither."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._types import AnyArray, Array
from ..backend import Backend
from .losses import LOSSES, softmax_cross_entropy


@dataclass(frozen=True)
class ClassOptions:
    """Class weights and label smoothing of the softmax cross-entropy; by default neither.

    Parameters
    ----------
    weights : array (K,), optional
        Weights of the classes, above 0. None: 1 for each class.
    smoothing : float
        Label smoothing in [0, 1).
    """

    weights: Array | None = None
    smoothing: float = 0.0

    @property
    def neither(self) -> bool:
        """Whether there are neither weights nor smoothing."""
        return self.weights is None and not self.smoothing

    def loss(
        self, name: str, y: AnyArray, target: AnyArray, mask: AnyArray | None, ops: Backend
    ) -> tuple[float, AnyArray]:
        """Return a loss by name and its gradient; only softmax_cross_entropy has weights and smoothing."""
        if self.neither:
            return LOSSES[name](y, target, mask, backend=ops)
        w, smoothing = self.weights, self.smoothing
        return softmax_cross_entropy(y, target, mask, weights=w, smoothing=smoothing, backend=ops)

    def weight(self, labels: Array) -> float:
        """Return the sum of the weights of labels (n,), without weights their number.

        A label out of range has the weight of the nearest class; the loss reports it.
        """
        if self.weights is None:
            return len(labels)
        return float(self.weights.take(labels.astype(np.int64), mode="clip").sum(dtype=np.float64))


NEITHER = ClassOptions()
