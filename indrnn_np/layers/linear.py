"""Affine layer."""

from __future__ import annotations

from dataclasses import dataclass

from .. import _check, init
from .._types import AnyArray, Record, State
from .base import Layer, Parameter
from .context import Context


@dataclass(frozen=True)
class Linear(Layer):
    """Affine layer, for the last step (B, D) or for every step (T, B, D).

    Parameters
    ----------
    input_size, output_size : int
        Number of inputs D and of outputs K.
    input_init : str or float
        Initial W: "he" for N(0, 2 / D), as for a read-out, or a value of init.input_weights.

    Notes
    -----
    y = W x + b

    The learned arrays are W (K, D) and b (K,), which is initially 0.
    """

    input_size: int
    output_size: int
    input_init: str | float = "he"

    def __post_init__(self) -> None:
        super().__post_init__()
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

    def forward(self, x: AnyArray, state: State, ctx: Context) -> tuple[AnyArray, State, Record]:
        _check.arrays("Linear.forward", "x: any T? B D", x)
        out = ctx.array("y", (*x.shape[:-1], self.output_size))
        return ctx.ops.affine.forward(x, ctx.param("W"), ctx.param("b"), out), None, x

    def backward(
        self, dy: AnyArray, tape: Record, dstate: State, ctx: Context
    ) -> tuple[AnyArray, State, dict[str, AnyArray]]:
        x, dy = tape, ctx.dense(dy)
        out = ctx.scratch.array("dx", x.shape) if ctx.input_gradient else None
        dx, dW, db = ctx.ops.affine.backward(dy, x, ctx.param("W"), out, ctx.input_gradient)
        return dx, None, {"W": dW, "b": db}

    def tangent(
        self, x_dot: AnyArray, tape: Record, state_dot: State, ctx: Context
    ) -> tuple[AnyArray, State, Record]:
        directions = ctx.direction("W"), ctx.direction("b")
        return ctx.ops.tangent("affine")(x_dot, tape, ctx.param("W"), *directions), None, x_dot

    def step(self, x_t: AnyArray, state: State, ctx: Context) -> tuple[AnyArray, State]:
        return ctx.ops.affine.forward(x_t, ctx.param("W"), ctx.param("b")), None
