"""Call a loss function of the user: f(y, target) returns the loss and its gradient dy."""

from __future__ import annotations

import numpy as np

from .. import _check
from .._check import convert
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
        Called with copies of y and target as NumPy arrays: those of the batch, or with a mask
        y (n, K) and target (n, ...) of the n rows that contribute. It returns the mean loss and dy,
        shape of y.
    mask : array (B,) or (T, B) of bool, optional
        True for rows that contribute to the loss.
    """
    where, device = f"loss {loss_name(function)}", ops.device
    scores = device.to_host(y)
    mask = None if mask is None else device.to_host(mask)
    if mask is not None and not mask.any():
        _check.fail(where, "no row is counted", "at least one row to take a mean over")
    rows = ... if mask is None else mask
    result = function(scores[rows].copy(), device.to_host(target)[rows].copy())
    if not isinstance(result, tuple) or len(result) != 2:
        _check.fail(where, f"its result is a {type(result).__name__}", "a tuple (loss, dy)", error=TypeError)
    value, gradient = _check.real(where, "the loss", result[0]), convert.plain(where, "dy", result[1])
    _check.shape(where, "dy", gradient, scores[rows].shape, "to match y")
    if gradient.dtype.kind not in "iuf":
        _check.fail(where, f"dy has dtype {gradient.dtype}", f"{scores.dtype}", "to match y")
    dy = np.zeros_like(scores)
    dy[rows] = gradient
    return value, device.bring(dy)
