"""Last step of each sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .. import _check
from .._types import AnyArray, Record, State, StateForm
from .base import ARRAY, Layer
from .context import Context
from .fusion import READER, LastRow, Normalised


@dataclass(frozen=True)
class LastStep(Layer):
    """Return the last step of each sample, at T - 1 or at its length - 1.

    Notes
    -----
    Maps x (T, B, H) to y (B, H). The state is the last row so far (B, H), so consecutive windows
    give the same result as a single pass. A sample of length 0 in a window keeps its state.
    """

    fusion_role: ClassVar[str] = READER
    state_form: ClassVar[StateForm] = ARRAY

    def forward(self, x: AnyArray, state: State, ctx: Context) -> tuple[AnyArray, State, Record]:
        x, norm = x if isinstance(x, Normalised) else (x, None)
        _check.arrays("LastStep.forward", "x: T B H, state?: B H", x, state)
        T = len(x)
        if T == 0:
            _check.fail("LastStep.forward", f"x has shape {x.shape}", "at least one step")
        if norm is not None:  # a fused pass has no lengths
            y = norm.apply(x[-1])
            return y, ctx.ops.device.copy(y), (T, norm)
        y = ctx.ops.rows.last(x, ctx.run.lengths, state)
        return y, ctx.ops.device.copy(y), (T, None)

    def backward(
        self, dy: AnyArray, tape: Record, dstate: State, ctx: Context
    ) -> tuple[AnyArray, State, dict[str, AnyArray]]:
        T, norm = tape
        rows = ctx.ops.rows
        row = dy if dstate is None else rows.add(dy, dstate)
        row = row if norm is None else norm.masked(row)
        if ctx.run.lengths is None:
            return LastRow(row, T), ctx.ops.device.zeros(row.shape, row.dtype), {}
        return LastRow(rows.reached(row, ctx.run.lengths), T), rows.reached(row, ctx.run.lengths, False), {}

    def tangent(
        self, x_dot: AnyArray, tape: Record, state_dot: State, ctx: Context
    ) -> tuple[AnyArray, State, Record]:
        y_dot = ctx.ops.rows.last(x_dot, ctx.run.lengths, state_dot)
        return y_dot, ctx.ops.device.copy(y_dot), None

    def step(self, x_t: AnyArray, state: State, ctx: Context) -> tuple[AnyArray, State]:
        _check.arrays("LastStep.step", "x: B H, state?: B H", x_t, state)
        return x_t, ctx.ops.device.copy(x_t)
