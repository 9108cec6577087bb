"""Two copies of a recurrent layer, one forward and one backward in time."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from .. import _check
from .._types import AnyArray, Array, Record, State, StateForm
from .base import Layer, Parameter
from .context import Context
from .recurrent import Recurrent


@dataclass(frozen=True)
class Bidirectional(Layer):
    """Run a recurrent layer forward and backward in time and concatenate both outputs.

    Parameters
    ----------
    layer : Recurrent
        Forward layer. The other layer is a copy with `reverse=True` and separate parameters.

    Notes
    -----
    y_t = [forward h_t, reverse h_t]

    Schuster & Paliwal 1997.

    Maps x (T, B, D) to y (T, B, 2 H). The parameters are `forward.W`, ..., `reverse.W`, ... The
    state is a pair: the last state of the forward layer, and that of the reverse layer (at step 0).
    """

    layer: Recurrent

    causal = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.layer, Recurrent) or self.layer.reverse:
            expected = "an IndRNN or another cell with reverse=False"
            _check.fail("Bidirectional", f"layer is {self.layer!r}", expected)

    @property
    def needs(self) -> tuple[str, ...]:  # type: ignore[override]
        return self.layer.needs

    @property
    def inputs(self) -> int:
        return self.layer.inputs or 0

    @property
    def outputs(self) -> int:
        return 2 * (self.layer.outputs or 0)

    @property
    def state_form(self) -> StateForm:
        return self.layer.state_form, self.layer.state_form

    def halves(self) -> dict[str, Recurrent]:
        """Return the two layers by name: "forward" and "reverse"."""
        reverse = dataclasses.replace(self.layer, reverse=True)  # type: ignore[type-var]
        return {"forward": self.layer, "reverse": reverse}

    def parameters(self, steps: int | None) -> dict[str, Parameter]:
        halves = self.halves().items()
        return {f"{n}.{p}": value for n, half in halves for p, value in half.parameters(steps).items()}

    def bounds(self, steps: int | None) -> dict[str, float]:
        halves = self.halves().items()
        return {f"{n}.{p}": value for n, half in halves for p, value in half.bounds(steps).items()}

    def weight_bounds(self, steps: int | None) -> dict[str, float]:
        halves = self.halves().items()
        return {f"{n}.{p}": value for n, half in halves for p, value in half.weight_bounds(steps).items()}

    def forward(self, x: AnyArray, state: State, ctx: Context) -> tuple[AnyArray, State, Record]:
        passes = [
            half.forward(x, None if state is None else state[i], ctx.child(name))
            for i, (name, half) in enumerate(self.halves().items())
        ]
        halves, states, tapes = zip(*passes, strict=True)
        y = ctx.array("y", (*x.shape[:2], self.outputs))
        return ctx.ops.rows.join(*halves, y), states, tapes

    def backward(
        self, dy: AnyArray, tape: Record, dstate: State, ctx: Context
    ) -> tuple[AnyArray, State, dict[str, AnyArray]]:
        H, dy = self.outputs // 2, ctx.dense(dy)
        dx, dstates = None, []
        grads: dict[str, Array] = {}
        for i, (name, half) in enumerate(self.halves().items()):
            dy_half = ctx.ops.rows.part(dy, i * H, H, ctx.scratch.array("half", (*dy.shape[:2], H)))
            dlast = None if dstate is None else dstate[i]
            dx_half, dh0, half_grads = half.backward(dy_half, tape[i], dlast, ctx.child(name))
            dx = dx_half if dx is None else ctx.ops.rows.add(dx, dx_half, dx)
            dstates.append(dh0)
            grads |= {f"{name}.{p}": g for p, g in half_grads.items()}
        return dx, tuple(dstates), grads

    def tangent(
        self, x_dot: AnyArray, tape: Record, state_dot: State, ctx: Context
    ) -> tuple[AnyArray, State, Record]:
        halves = [
            half.tangent(x_dot, tape[i], None if state_dot is None else state_dot[i], ctx.child(name))
            for i, (name, half) in enumerate(self.halves().items())
        ]
        outputs, states, tapes = zip(*halves, strict=True)
        return ctx.ops.rows.join(*outputs), states, tapes

    def rectified(self, tape: Record) -> list[AnyArray]:
        return [h for half, t in zip(self.halves().values(), tape, strict=True) for h in half.rectified(t)]
