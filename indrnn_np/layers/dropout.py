"""Dropout with one mask for the whole sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .. import _check
from .base import Context, LastRow, Layer, Normalised


@dataclass(frozen=True)
class Dropout(Layer):
    """y_t = m ⊙ x_t / (1 - rate) in training, the same mask m (B, H) for all steps; y = x in inference.

    The mask is a function of (network seed, this layer, iteration): it is never stored, and the same on
    every backend.
    """

    passes_normalised: ClassVar[bool] = True

    rate: float

    def __post_init__(self) -> None:
        _check.between("Dropout", "rate", self.rate, 0.0, 1.0)

    def forward(self, x: Any, state: Any, ctx: Context) -> tuple[Any, Any, Any]:
        active = ctx.training and ctx.dropout and self.rate > 0
        if not active:
            return x, None, False
        if isinstance(x, Normalised):  # who applies the mask forward does so backward
            mask = ctx.ops.dropout.mask(x.shape[1:], self.rate, ctx.key("dropout"), x.x.dtype)
            before = x.norm.mask
            return (
                x._replace(norm=x.norm._replace(mask=mask if before is None else before * mask)),
                None,
                False,
            )
        return ctx.ops.dropout.forward(x, self.rate, ctx.key("dropout"), ctx.array("y", x.shape)), None, True

    def backward(
        self, dy: Any, tape: Any, dstate: Any, ctx: Context
    ) -> tuple[Any, Any, dict[str, np.ndarray]]:
        if not tape:
            return dy, None, {}
        value = dy.row if isinstance(dy, LastRow) else dy
        dx = ctx.ops.dropout.backward(
            value, self.rate, ctx.key("dropout"), ctx.scratch.array("dx", value.shape)
        )
        return (dy._replace(row=dx) if isinstance(dy, LastRow) else dx), None, {}
