"""Affine read-out that shares its weights with the embedding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .. import _check, init
from .._types import AnyArray, Record, State
from .base import Layer, Parameter
from .context import Context


@dataclass(frozen=True)
class Tied(Layer):
    """Affine read-out with the embedding E of the network as its weights.

    Parameters
    ----------
    input_size, output_size : int
        Size H of the embedding and its number of symbols V.
    to : int
        Index of the embedding among the layers of the network.

    Notes
    -----
    y = E x + b

    Press & Wolf 2017, arXiv:1608.05859.

    Maps x (B, H) or (T, B, H) to y (..., V), a score for each symbol. The learned array is b (V,),
    initially 0. E belongs to the embedding, where both gradients are summed. The option
    `embedding_dropout` of the embedding does not affect E here.
    """

    needs: ClassVar[tuple[str, ...]] = ("embedding",)  # without the op there is no embedding to share

    input_size: int
    output_size: int
    to: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check.at_least("Tied", "input_size", self.input_size, 1)
        _check.at_least("Tied", "output_size", self.output_size, 1)
        _check.at_least("Tied", "to", self.to, 0)

    @property
    def inputs(self) -> int:
        return self.input_size

    @property
    def outputs(self) -> int:
        return self.output_size

    def parameters(self, steps: int | None) -> dict[str, Parameter]:
        return {"b": Parameter((self.output_size,), init.constant(0.0))}

    def forward(self, x: AnyArray, state: State, ctx: Context) -> tuple[AnyArray, State, Record]:
        _check.arrays("Tied.forward", "x: any T? B D", x)
        out = ctx.array("y", (*x.shape[:-1], self.output_size))
        return ctx.ops.affine.forward(x, ctx.params[self.table], ctx.param("b"), out), None, x

    def backward(
        self, dy: AnyArray, tape: Record, dstate: State, ctx: Context
    ) -> tuple[AnyArray, State, dict[str, AnyArray]]:
        x, dy = tape, ctx.dense(dy)
        dx, dE, db = ctx.ops.affine.backward(dy, x, ctx.params[self.table], ctx.scratch.array("dx", x.shape))
        ctx.ops.rows.add(ctx.grads[self.table], dE, ctx.grads[self.table])
        return dx, None, {"b": db}

    def tangent(
        self, x_dot: AnyArray, tape: Record, state_dot: State, ctx: Context
    ) -> tuple[AnyArray, State, Record]:
        E, directions = ctx.params[self.table], (ctx.directions[self.table], ctx.direction("b"))
        return ctx.ops.tangent("affine")(x_dot, tape, E, *directions), None, x_dot

    def step(self, x_t: AnyArray, state: State, ctx: Context) -> tuple[AnyArray, State]:
        return ctx.ops.affine.forward(x_t, ctx.params[self.table], ctx.param("b")), None

    @property
    def table(self) -> str:
        """Name of the embedding's table among the parameters of the network."""
        return f"{self.to}.E"
