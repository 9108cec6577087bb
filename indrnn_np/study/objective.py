"""Loss that an instrument differentiates, by name or as a function."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .. import _check
from .._types import AnyArray, Array
from ..networks.sequential import Sequential
from ..optim.losses import LOSSES, counted

Loss = str | Callable[[AnyArray, AnyArray], tuple[float, AnyArray]] | None


def loss_and_gradient(
    where: str, net: Sequential, y: AnyArray, target: AnyArray, loss: Loss, lengths: Array | None,
    mask: AnyArray = None,
) -> tuple[float, AnyArray]:  # fmt: skip
    """Return L and dy = ∂L/∂y for the output y of a network.

    `loss` is a name in LOSSES or a function (y, target) -> (L, dy). None selects
    softmax_cross_entropy for integer targets, mse for other targets, and the sum of all outputs
    (dy = 1) without a target.
    """
    if callable(loss):
        value, dy = loss(y, target)
        return float(value), dy
    if target is None:
        if loss is not None:
            because = "because that loss compares y with it"
            _check.fail(where, f"target is None with loss={loss!r}", "a target", because)
        host = net.device.to_host(y)
        return float(host.sum(dtype=np.float64)), net.device.bring(np.ones_like(host))
    name, mask = chosen(where, y, target, loss, lengths, mask)
    value, dy = LOSSES[name](y, target, mask, backend=net.ops)
    return float(value), dy


def chosen(
    where: str, y: AnyArray, target: AnyArray, loss: str | None, lengths: AnyArray, mask: AnyArray
) -> tuple[str, AnyArray]:
    """Return the name of the loss, by default by the target's dtype, and the mask of targets."""
    if loss is None:
        loss = "softmax_cross_entropy" if np.dtype(target.dtype).kind in "iu" else "mse"
    _check.choice(where, "loss", loss, LOSSES)
    return loss, counted(y, None if lengths is None else np.asarray(lengths), mask)
