"""The losses as users call them: they find the backend's operation and return the loss and its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _check
from .backend import get, of


def mse(y: Any, target: Any, mask: Any = None, *, backend: str | None = None) -> tuple[float, Any]:
    """Mean squared error and its gradient: L = mean (y - target)², dy = 2 (y - target) / n.

    y and target (B, K) or (T, B, K) of one dtype; `mask` (B,) or (T, B) of bool says which rows count. See
    ops/mse.
    """
    ops = of(y) if backend is None else get(backend)
    return ops.mse.loss(ops.bring(y), ops.bring(target), None if mask is None else ops.bring(mask))


def softmax_cross_entropy(
    y: Any, labels: Any, mask: Any = None, *, backend: str | None = None
) -> tuple[float, Any]:
    """Cross-entropy of the softmax in nats, and its gradient: L = -mean log p[label], dy = (p - onehot) / n.

    y (B, K) or (T, B, K) scores, labels (B,) or (T, B) integers from 0 to K - 1; `mask` like labels, of
    bool, says which count. See ops/softmax_cross_entropy.
    """
    ops = of(y) if backend is None else get(backend)
    mask = None if mask is None else ops.bring(mask)
    return ops.softmax_cross_entropy.loss(ops.bring(y), ops.bring(labels), mask)


def length_mask(lengths: np.ndarray, T: int) -> np.ndarray:
    """Which steps of each sample are real: (T, B) of bool, True where t < lengths[b]."""
    _check.array("length_mask", "lengths", lengths, 1, "(B,)")
    _check.lengths("length_mask", lengths, T, len(lengths))
    return np.arange(T)[:, None] < lengths
