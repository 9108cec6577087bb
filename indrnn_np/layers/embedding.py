"""Symbols to vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .. import _check, init
from .base import Context, Layer, Parameter


@dataclass(frozen=True)
class Embedding(Layer):
    """y_t = E[x_t]: a row of a table for each symbol. It is a network's first layer, whose x is then (T, B) integers.

    Shapes     x (T, B) integers from 0 to symbols - 1, to y (T, B, size); zeros in padding
    Parameters E (V, H), which starts as U(-init_scale, init_scale) (0.04: Li et al. 2018's code for characters)

    Symbols have no gradient, so backward gives none (dx is None).

    Parameters
    ----------
    symbols
        Their number V.
    size
        Numbers H of a row.
    weight_dropout
        Share of the rows that is dropped in a training pass, each symbol everywhere in the batch or nowhere; the others
        are scaled by 1 / (1 - weight_dropout) (Gal & Ghahramani 2016; Merity et al. 2017, arXiv:1708.02182, 4.3).
    """

    reads_symbols: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("embedding",)

    symbols: int
    size: int
    init_scale: float = 0.04
    weight_dropout: float = 0.0

    def __post_init__(self) -> None:
        _check.at_least("Embedding", "symbols", self.symbols, 1)
        _check.at_least("Embedding", "size", self.size, 1)
        _check.at_least("Embedding", "init_scale", self.init_scale, 0.0)
        _check.between("Embedding", "weight_dropout", self.weight_dropout, 0.0, 1.0)

    @property
    def outputs(self) -> int:
        return self.size

    def parameters(self, steps: int | None) -> dict[str, Parameter]:
        return {"E": Parameter((self.symbols, self.size), init.uniform(self.init_scale))}

    def forward(self, x: np.ndarray, state: Any, ctx: Context) -> tuple[np.ndarray, Any, Any]:
        _check.array("Embedding.forward", "x", x, 2, "(T, B) integers: time, batch")
        factors = None
        if ctx.training and ctx.dropout and self.weight_dropout > 0:
            factors = ctx.ops.dropout.mask((self.symbols,), self.weight_dropout, ctx.key("rows"), ctx.dtype)
        y = ctx.ops.embedding.forward(x, ctx.param("E"), factors, ctx.array("y", (*x.shape, self.size)))
        if ctx.lengths is not None:
            y = ctx.ops.rows.without_padding(y, ctx.lengths, y)
        return y, None, (x, factors)

    def backward(
        self, dy: Any, tape: Any, dstate: Any, ctx: Context
    ) -> tuple[Any, Any, dict[str, np.ndarray]]:
        (x, factors), dy = tape, ctx.dense(dy)
        if ctx.lengths is not None:
            dy = ctx.ops.rows.without_padding(dy, ctx.lengths, ctx.scratch.array("dy", dy.shape))
        return None, None, {"E": ctx.ops.embedding.backward(dy, x, self.symbols, factors)}
