"""Layer normalisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .. import _check, init
from .._types import AnyArray, Record, State
from .base import Layer, Parameter
from .context import Context


@dataclass(frozen=True)
class LayerNorm(Layer):
    """Normalise over the units of each step and sample.

    Parameters
    ----------
    size : int
        Number of units H.
    eps : float
        Constant added to the variance; at least 1.2e-38 in float32, where smaller numbers are 0.

    Notes
    -----
    y = scale ⊙ (x - mean) / √(var + eps) + shift

    Ba et al. 2016, arXiv:1607.06450.

    x and y are (B, H) or (T, B, H). The learned arrays are scale (H,), initially 1, and shift (H,),
    initially 0. There are no running statistics: training and inference compute the same function,
    and no step depends on another, so options such as `per_step` of BatchNorm are not needed.
    """

    needs: ClassVar[tuple[str, ...]] = ("layernorm",)

    size: int
    eps: float = 1e-5

    def __post_init__(self) -> None:
        super().__post_init__()
        _check.at_least("LayerNorm", "size", self.size, 1)
        _check.at_least("LayerNorm", "eps", self.eps, 0.0, strictly=True)

    @property
    def inputs(self) -> int:
        return self.size

    def parameters(self, steps: int | None) -> dict[str, Parameter]:
        return {
            "scale": Parameter((self.size,), init.constant(1.0)),
            "shift": Parameter((self.size,), init.constant(0.0)),
        }

    def forward(self, x: AnyArray, state: State, ctx: Context) -> tuple[AnyArray, State, Record]:
        _check.arrays("LayerNorm.forward", "x: any T? B H", x)
        y, mean, rstd = ctx.ops.layernorm.forward(
            x, ctx.param("scale"), ctx.param("shift"), self.eps, ctx.array("y", x.shape)
        )
        return y, None, (x, mean, rstd)

    def backward(
        self, dy: AnyArray, tape: Record, dstate: State, ctx: Context
    ) -> tuple[AnyArray, State, dict[str, AnyArray]]:
        x, mean, rstd = tape
        dx, dscale, dshift = ctx.ops.layernorm.backward(
            ctx.dense(dy), x, mean, rstd, ctx.param("scale"), ctx.scratch.array("dx", x.shape)
        )
        return dx, None, {"scale": dscale, "shift": dshift}

    def tangent(
        self, x_dot: AnyArray, tape: Record, state_dot: State, ctx: Context
    ) -> tuple[AnyArray, State, Record]:
        x, mean, rstd = tape
        directions = ctx.direction("scale"), ctx.direction("shift")
        return (
            ctx.ops.tangent("layernorm")(x_dot, x, mean, rstd, ctx.param("scale"), *directions),
            None,
            x_dot,
        )

    def step(self, x_t: AnyArray, state: State, ctx: Context) -> tuple[AnyArray, State]:
        return ctx.ops.layernorm.forward(x_t, ctx.param("scale"), ctx.param("shift"), self.eps)[0], None
