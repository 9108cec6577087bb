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
        T, B, _ = x.shape
        if T == 0:
            _check.fail("LastStep.forward", f"x has shape {x.shape}", "at least one step")
        if norm is not None:  # without lengths
            y = norm.apply(x[-1])
            return y, y.copy(), (T, norm.mask)
        ends = np.full(B, T) if ctx.lengths is None else ctx.lengths
        y = x[np.maximum(ends - 1, 0), np.arange(B)]
        if (ends == 0).any():
            y[ends == 0] = 0 if state is None else state[ends == 0]
        return y, y.copy(), (T, None)

    def backward(
        self, dy: Any, tape: Any, dstate: Any, ctx: Context
    ) -> tuple[Any, Any, dict[str, np.ndarray]]:
        T, mask = tape
        row = dy if dstate is None else dy + dstate
        row = row if mask is None else row * mask
        if ctx.lengths is None or (ctx.lengths > 0).all():
            return LastRow(row, T), np.zeros_like(row), {}
        reached = (ctx.lengths > 0)[:, None]
        return (
            LastRow(np.where(reached, row, 0).astype(row.dtype), T),
            np.where(reached, 0, row).astype(row.dtype),
            {},
        )

    def step(self, x_t: np.ndarray, state: Any, ctx: Context) -> tuple[np.ndarray, Any]:
        return x_t, x_t.copy()
