"""Which gradient an instrument sends back: that of a loss, by name or as a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _check, losses

LOSSES = {"mse": losses.mse, "softmax_cross_entropy": losses.softmax_cross_entropy}
Loss = str | Callable[[Any, Any], tuple[float, Any]] | None


def loss_and_gradient(
    where: str, net: Any, y: Any, target: Any, loss: Loss, lengths: np.ndarray | None, mask: Any = None
) -> tuple[float, Any]:
    """L and dy = ∂L/∂y for the output y of a network.

    loss: "mse", "softmax_cross_entropy", a function (y, target) -> (L, dy), or None: cross-entropy for whole numbers as
    target, mean squared error for others, and for no target the sum of all outputs (dy = 1).
    """
    if callable(loss):
        value, dy = loss(y, target)
        return float(value), dy
    if target is None:
        if loss is not None:
            _check.fail(
                where, f"target is None with loss={loss!r}", "a target", "which that loss compares with"
            )
        host = net.ops.to_host(y)
        return float(host.sum(dtype=np.float64)), net.ops.bring(np.ones_like(host))
    name, mask = chosen(where, y, target, loss, lengths, mask)
    value, dy = LOSSES[name](y, target, mask, backend=net.backend)
    return float(value), dy


def chosen(where: str, y: Any, target: Any, loss: str | None, lengths: Any, mask: Any) -> tuple[str, Any]:
    """The name of the loss, by the target's dtype if none is given, and which targets count."""
    if loss is None:
        loss = "softmax_cross_entropy" if np.dtype(target.dtype).kind in "iu" else "mse"
    _check.choice(where, "loss", loss, LOSSES)
    if mask is None and lengths is not None and y.ndim == 3:
        mask = losses.length_mask(np.asarray(lengths), y.shape[0])
    return loss, mask
