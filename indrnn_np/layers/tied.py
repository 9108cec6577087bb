"""The affine read-out whose weights are those of the embedding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .. import _check, init
from .base import Context, Layer, Parameter


@dataclass(frozen=True)
class Tied(Layer):
    """y = E x + b with the network's own embedding E (Press & Wolf 2017, arXiv:1608.05859).

    Shapes     x (B, input_size) or (T, B, input_size) to y (..., output_size), a score for each symbol
    Parameters b (V,), which starts at 0; E belongs to the embedding, where both gradients are added up. The embedding's
               weight_dropout does not reach E here.

    Parameters
    ----------
    input_size, output_size
        The embedding's size H and its number of symbols V.
    to
        The number of the network's layer that is the embedding.
    """

    needs: ClassVar[tuple[str, ...]] = ("embedding",)  # there is none without it

    input_size: int
    output_size: int
    to: int = 0

    def __post_init__(self) -> None:
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

    def forward(self, x: np.ndarray, state: Any, ctx: Context) -> tuple[np.ndarray, Any, Any]:
        _check.array("Tied.forward", "x", x, (2, 3), "(B, D) or (T, B, D)")
        out = ctx.array("y", (*x.shape[:-1], self.output_size))
        return ctx.ops.affine.forward(x, ctx.params[self._table], ctx.param("b"), out), None, x

    def backward(
        self, dy: Any, tape: Any, dstate: Any, ctx: Context
    ) -> tuple[Any, Any, dict[str, np.ndarray]]:
        x, dy = tape, ctx.dense(dy)
        dx, dE, db = ctx.ops.affine.backward(dy, x, ctx.params[self._table], ctx.scratch.array("dx", x.shape))
        ctx.ops.rows.add(ctx.grads[self._table], dE, ctx.grads[self._table])
        return dx, None, {"b": db}

    def step(self, x_t: np.ndarray, state: Any, ctx: Context) -> tuple[np.ndarray, Any]:
        return ctx.ops.affine.forward(x_t, ctx.params[self._table], ctx.param("b")), None

    @property
    def _table(self) -> str:
        """The embedding's name in the network."""
        return f"{self.to}.E"
