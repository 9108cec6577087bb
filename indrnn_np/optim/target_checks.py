"""Checks of the values of targets, without the loss: a CUDA graph cannot report a wrong label."""

from __future__ import annotations

from collections.abc import Callable

from .._types import AnyArray
from ..backend import to_host
from ..ops.binary_cross_entropy import contract as binary_contract
from ..ops.mse import contract as mse_contract
from ..ops.softmax_cross_entropy import contract as softmax_contract

# Checks of the values of targets, with the arguments (where, y, target, mask).
TARGET_CHECKS: dict[str, Callable[[str, AnyArray, AnyArray, AnyArray], object]] = {
    "mse": lambda where, y, _, mask: mse_contract.count(where, y, mask),
    "softmax_cross_entropy": softmax_contract.check_labels,
    "binary_cross_entropy": binary_contract.check_targets,
}


def check_targets(loss: str, y: AnyArray, target: AnyArray, mask: AnyArray | None) -> None:
    """Check the values of targets as the loss does: labels, probabilities, and that at least one counts.

    The values of y (B, K) or (T, B, K) are not read; target and mask are those of the loss.

    Examples
    --------
    >>> import numpy as np
    >>> check_targets("softmax_cross_entropy", np.empty((2, 3)), np.array([0, 3]), None)
    Traceback (most recent call last):
        ...
    ValueError: softmax_cross_entropy.loss: target[1] is 3, expected 0 to 2 to match y with shape (2, 3)
    """
    host = [None if array is None else to_host(array) for array in (target, mask)]
    TARGET_CHECKS[loss](f"{loss}.loss", y, *host)
