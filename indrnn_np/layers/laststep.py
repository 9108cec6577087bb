"""Read out the last step of each sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .. import _check
from .base import Context, LastRow, Layer, Normalised


@dataclass(frozen=True)
class LastStep(Layer):
    """x (T, B, H) to y (B, H): x at each sample's last step, T - 1 or lengths - 1.

    State      (B, H): the last row so far, so that a stream of windows gives at its end what one pass
               gives; a sample that a window does not reach (length 0) keeps it
    """

    reads_normalised: ClassVar[bool] = True

    def forward(self, x: Any, state: Any, ctx: Context) -> tuple[np.ndarray, Any, Any]:
        x, norm = x if isinstance(x, Normalised) else (x, None)
        _check.array("LastStep.forward", "x", x, 3, "(T, B, H)")
        T = len(x)
        if T == 0:
            _check.fail("LastStep.forward", f"x has shape {x.shape}", "at least one step")
        if norm is not None:  # without lengths
            y = norm.apply(x[-1])
            return y, ctx.ops.copy(y), (T, norm.mask)
        y = ctx.ops.rows.last(x, ctx.lengths, state)
        return y, ctx.ops.copy(y), (T, None)

    def backward(
        self, dy: Any, tape: Any, dstate: Any, ctx: Context
    ) -> tuple[Any, Any, dict[str, np.ndarray]]:
        T, mask = tape
        rows = ctx.ops.rows
        row = dy if dstate is None else rows.add(dy, dstate)
        row = row if mask is None else row * mask
        if ctx.lengths is None:
            return LastRow(row, T), ctx.ops.zeros(row.shape, row.dtype), {}
        return LastRow(rows.reached(row, ctx.lengths), T), rows.reached(row, ctx.lengths, False), {}

    def step(self, x_t: np.ndarray, state: Any, ctx: Context) -> tuple[np.ndarray, Any]:
        return x_t, ctx.ops.copy(x_t)
