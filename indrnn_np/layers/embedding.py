"""Embedding of symbols as vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .. import _check, _renamed, init
from .._types import AnyArray, Record, State
from .base import Layer, Parameter
from .context import Context

NAMES = _renamed.LAYERS["Embedding"]


@dataclass(frozen=True)
class Embedding(Layer):
    """Look up a vector for each symbol; only the first layer of a network may be an embedding.

    Parameters
    ----------
    symbols : int
        Number of symbols V.
    size : int
        Length H of each vector.
    init_scale : float
        Bound of the initial values, U(-init_scale, init_scale). 0.04 is the value for characters in
        the code of Li et al. 2018.
    embedding_dropout : float
        Share of the rows of E that is dropped in a training pass. A dropped symbol is dropped
        everywhere in the batch; the other rows are scaled by 1 / (1 - embedding_dropout)
        (Gal & Ghahramani 2016; Merity et al. 2017, arXiv:1708.02182, 4.3).

    Notes
    -----
    y_t = E[x_t]

    Maps x (T, B), integers from 0 to V - 1, to y (T, B, H), which is zero in padding. The learned
    array is E (V, H). Symbols have no gradient, so backward returns None for dx.
    """

    reads_symbols: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("embedding",)

    symbols: int
    size: int
    init_scale: float = 0.04
    embedding_dropout: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check.at_least("Embedding", "symbols", self.symbols, 1)
        _check.at_least("Embedding", "size", self.size, 1)
        _check.at_least("Embedding", "init_scale", self.init_scale, 0.0)
        _check.between("Embedding", "embedding_dropout", self.embedding_dropout, 0.0, 1.0)

    def __setstate__(self, state: dict[str, State]) -> None:
        """Restore a pickle; pickles of version 0.1.0 use an old name of an option."""
        self.__dict__.update({NAMES.get(name, name): value for name, value in state.items()})

    @property
    def outputs(self) -> int:
        return self.size

    def parameters(self, steps: int | None) -> dict[str, Parameter]:
        return {"E": Parameter((self.symbols, self.size), init.uniform(self.init_scale))}

    def forward(self, x: AnyArray, state: State, ctx: Context) -> tuple[AnyArray, State, Record]:
        _check.arrays("Embedding.forward", "x: int T B", x)
        factors = None
        if ctx.run.training and ctx.run.dropout and self.embedding_dropout > 0:
            key = ctx.key("rows")
            factors = ctx.ops.dropout.mask((self.symbols,), self.embedding_dropout, key, ctx.dtype)
        y = ctx.ops.embedding.forward(x, ctx.param("E"), factors, ctx.array("y", (*x.shape, self.size)))
        if ctx.run.lengths is not None:
            y = ctx.ops.rows.without_padding(y, ctx.run.lengths, y)
        return y, None, (x, factors)

    def backward(
        self, dy: AnyArray, tape: Record, dstate: State, ctx: Context
    ) -> tuple[AnyArray, State, dict[str, AnyArray]]:
        (x, factors), dy = tape, ctx.dense(dy)
        if ctx.run.lengths is not None:
            dy = ctx.ops.rows.without_padding(dy, ctx.run.lengths, ctx.scratch.array("dy", dy.shape))
        return None, None, {"E": ctx.ops.embedding.backward(dy, x, self.symbols, factors)}

    def tangent(
        self, x_dot: AnyArray, tape: Record, state_dot: State, ctx: Context
    ) -> tuple[AnyArray, State, Record]:
        x, factors = tape  # x_dot is None, because symbols have no direction
        y_dot = ctx.ops.tangent("embedding")(x, ctx.direction("E"), factors)
        if ctx.run.lengths is not None:
            y_dot = ctx.ops.rows.without_padding(y_dot, ctx.run.lengths, y_dot)
        return y_dot, None, None


Embedding.__init__ = _renamed.keywords(NAMES)(Embedding.__init__)  # type: ignore[method-assign]
