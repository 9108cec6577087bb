"""Two copies of a recurrent layer, one walking forward and one backward in time, side by side."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _check
from .base import Context, Layer, Parameter
from .recurrent import Recurrent


@dataclass(frozen=True)
class Bidirectional(Layer):
    """y_t = [forward layer's h_t, reverse layer's h_t], each with parameters of its own (Schuster & Paliwal
    1997).

    Shapes     x (T, B, D) to y (T, B, 2 H); parameters `forward.W`, ..., `reverse.W`, ...
    State      a pair: the forward layer's last state, and the reverse layer's (the one of step 0)

    Parameters
    ----------
    layer
        The forward one; the other is the same with `reverse=True`.
    """

    layer: Recurrent

    causal = False

    def __post_init__(self) -> None:
        if not isinstance(self.layer, Recurrent) or self.layer.reverse:
            _check.fail(
                "Bidirectional", f"layer is {self.layer!r}", "an IndRNN or another cell with reverse=False"
            )

    @property
    def needs(self) -> tuple[str, ...]:  # type: ignore[override]
        return self.layer.needs

    @property
    def inputs(self) -> int:
        return self.layer.inputs or 0

    @property
    def outputs(self) -> int:
        return 2 * (self.layer.outputs or 0)

    def _halves(self) -> dict[str, Recurrent]:
        reverse = dataclasses.replace(self.layer, reverse=True)  # type: ignore[type-var]
        return {"forward": self.layer, "reverse": reverse}

    def parameters(self, steps: int | None) -> dict[str, Parameter]:
        return {
            f"{n}.{p}": value
            for n, half in self._halves().items()
            for p, value in half.parameters(steps).items()
        }

    def bounds(self, steps: int | None) -> dict[str, float]:
        return {
            f"{n}.{p}": value for n, half in self._halves().items() for p, value in half.bounds(steps).items()
        }

    def forward(self, x: np.ndarray, state: Any, ctx: Context) -> tuple[np.ndarray, Any, Any]:
        passes = [
            half.forward(x, None if state is None else state[i], ctx.child(name))
            for i, (name, half) in enumerate(self._halves().items())
        ]
        halves, states, tapes = zip(*passes, strict=True)
        y = ctx.array("y", (*x.shape[:2], self.outputs))
        return ctx.ops.rows.join(*halves, y), states, tapes

    def backward(
        self, dy: Any, tape: Any, dstate: Any, ctx: Context
    ) -> tuple[Any, Any, dict[str, np.ndarray]]:
        H, dy = self.outputs // 2, ctx.dense(dy)
        dx, dstates = None, []
        grads: dict[str, np.ndarray] = {}
        for i, (name, half) in enumerate(self._halves().items()):
            dy_half = ctx.ops.rows.part(dy, i * H, H, ctx.scratch.array("half", (*dy.shape[:2], H)))
            dlast = None if dstate is None else dstate[i]
            dx_half, dh0, half_grads = half.backward(dy_half, tape[i], dlast, ctx.child(name))
            dx = dx_half if dx is None else ctx.ops.rows.add(dx, dx_half, dx)
            dstates.append(dh0)
            grads |= {f"{name}.{p}": g for p, g in half_grads.items()}
        return dx, tuple(dstates), grads

    def rectified(self, tape: Any) -> list[Any]:
        return [h for half, t in zip(self._halves().values(), tape, strict=True) for h in half.rectified(t)]
