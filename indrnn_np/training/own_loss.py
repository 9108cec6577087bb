"""Call a loss function of the user: f(y, target) returns the loss and its gradient dy."""

from __future__ import annotations

import numpy as np

from .. import _check
from .._types import AnyArray, Array, LossFunction
from ..backend import Backend
from ..tasks.targets import loss_name


def own_loss(
    function: LossFunction, y: AnyArray, target: AnyArray, mask: Array | None, ops: Backend
) -> tuple[float, AnyArray]:
    """Return the loss of a batch and its gradient dy on the device of y.

    Parameters
    ----------
    function : callable
        Called with NumPy arrays y and target: those of the batch, or with a mask y (n, K) and
        target (n, ...) of the n rows that contribute. It returns the mean loss and dy, shape of y.
    mask : array (B,) or (T, B) of bool, optional
        True for rows that contribute to the loss.
    """
    where, device = f"loss {loss_name(function)}", ops.device
    scores = device.to_host(y)
    rows = ... if mask is None else device.to_host(mask)
    result = function(scores[rows], device.to_host(target)[rows])
    if not isinstance(result, tuple) or len(result) != 2:
        _check.fail(where, f"its result is a {type(result).__name__}", "a tuple (loss, dy)", error=TypeError)
    value, gradient = _check.real(where, "the loss", result[0]), np.asarray(result[1])
    _check.shape(where, "dy", gradient, scores[rows].shape, "to match y")
    dy = np.zeros_like(scores)
    dy[rows] = gradient
    return value, device.bring(dy)
