"""The affine layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _check, init
from .base import Context, Layer, Parameter


@dataclass(frozen=True)
class Linear(Layer):
    """y = W x + b, for the last step (B, D) or for every step (T, B, D).

    Parameters are W (output_size, input_size) and b (output_size,), which starts at 0.

    Parameters
    ----------
    input_init
        How W starts: "he", N(0, 2 / input_size), as for a read-out, or as that of an IndRNN (init.input_weights).
    """

    input_size: int
    output_size: int
    input_init: str | float = "he"

    def __post_init__(self) -> None:
        _check.at_least("Linear", "input_size", self.input_size, 1)
        _check.at_least("Linear", "output_size", self.output_size, 1)
        if isinstance(self.input_init, str):
            _check.choice("Linear", "input_init", self.input_init, init.INPUT)

    @property
    def inputs(self) -> int:
        return self.input_size

    @property
    def outputs(self) -> int:
        return self.output_size

    def parameters(self, steps: int | None) -> dict[str, Parameter]:
        return {
            "W": Parameter((self.output_size, self.input_size), init.input_weights(self.input_init)),
            "b": Parameter((self.output_size,), init.constant(0.0)),
        }

    def forward(self, x: np.ndarray, state: Any, ctx: Context) -> tuple[np.ndarray, Any, Any]:
        _check.array("Linear.forward", "x", x, (2, 3), "(B, D) or (T, B, D)")
        out = ctx.array("y", (*x.shape[:-1], self.output_size))
        return ctx.ops.affine.forward(x, ctx.param("W"), ctx.param("b"), out), None, x

    def backward(
        self, dy: Any, tape: Any, dstate: Any, ctx: Context
    ) -> tuple[Any, Any, dict[str, np.ndarray]]:
        x, dy = tape, ctx.dense(dy)
        dx, dW, db = ctx.ops.affine.backward(dy, x, ctx.param("W"), ctx.scratch.array("dx", x.shape))
        return dx, None, {"W": dW, "b": db}

    def step(self, x_t: np.ndarray, state: Any, ctx: Context) -> tuple[np.ndarray, Any]:
        return ctx.ops.affine.forward(x_t, ctx.param("W"), ctx.param("b")), None
