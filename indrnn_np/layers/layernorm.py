"""Layer normalisation (Ba et al. 2016, arXiv:1607.06450)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .. import _check, init
from .base import Context, Layer, Parameter


@dataclass(frozen=True)
class LayerNorm(Layer):
    """y = scale ⊙ (x - mean) / √(var + eps) + shift, with statistics over the units of each step and sample.

    Shapes     x (B, size) or (T, B, size) to y of the same shape
    Parameters scale (H,), which starts at 1, and shift (H,), which starts at 0

    Training and inference are the same, there are no running statistics, and no step reads another one: it needs
    neither `per_step` nor positions where batch norm does.
    """

    needs: ClassVar[tuple[str, ...]] = ("layernorm",)

    size: int
    eps: float = 1e-5

    def __post_init__(self) -> None:
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

    def forward(self, x: np.ndarray, state: Any, ctx: Context) -> tuple[np.ndarray, Any, Any]:
        _check.array("LayerNorm.forward", "x", x, (2, 3), "(B, H) or (T, B, H)")
        y, mean, rstd = ctx.ops.layernorm.forward(
            x, ctx.param("scale"), ctx.param("shift"), self.eps, ctx.array("y", x.shape)
        )
        return y, None, (x, mean, rstd)

    def backward(
        self, dy: Any, tape: Any, dstate: Any, ctx: Context
    ) -> tuple[Any, Any, dict[str, np.ndarray]]:
        x, mean, rstd = tape
        dx, dscale, dshift = ctx.ops.layernorm.backward(
            ctx.dense(dy), x, mean, rstd, ctx.param("scale"), ctx.scratch.array("dx", x.shape)
        )
        return dx, None, {"scale": dscale, "shift": dshift}

    def step(self, x_t: np.ndarray, state: Any, ctx: Context) -> tuple[np.ndarray, Any]:
        return ctx.ops.layernorm.forward(x_t, ctx.param("scale"), ctx.param("shift"), self.eps)[0], None
