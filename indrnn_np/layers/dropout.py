"""Dropout with one mask for the whole sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .. import _check
from .._types import AnyArray, Record, State
from .base import Layer
from .context import Context
from .fusion import MASK, LastRow, Normalised


@dataclass(frozen=True)
class Dropout(Layer):
    """Drop units at random in training, with one mask for the whole sequence.

    Parameters
    ----------
    rate : float
        Probability of dropping a unit, from 0 to 1 (exclusive).

    Notes
    -----
    y_t = m ⊙ x_t / (1 - rate)

    m (B, H) is the mask of a training pass; in inference y = x. The mask is a function of the
    network's seed, the layer and the iteration. It is not stored, and it is the same on every
    backend. Gal & Ghahramani 2016; Li et al. 2019, arXiv:1910.06251, 5.1.
    """

    fusion_role: ClassVar[str] = MASK

    rate: float

    def __post_init__(self) -> None:
        super().__post_init__()
        _check.between("Dropout", "rate", self.rate, 0.0, 1.0)

    def forward(self, x: AnyArray, state: State, ctx: Context) -> tuple[AnyArray, State, Record]:
        active = ctx.run.training and ctx.run.dropout and self.rate > 0
        if not active:
            return x, None, False
        if isinstance(x, Normalised):  # the layer that applies the mask forward also applies it backward
            mask = ctx.ops.dropout.mask(x.shape[1:], self.rate, ctx.key("dropout"), x.x.dtype)
            return x._replace(norm=x.norm.with_mask(mask)), None, False
        return ctx.ops.dropout.forward(x, self.rate, ctx.key("dropout"), ctx.array("y", x.shape)), None, True

    def backward(
        self, dy: AnyArray, tape: Record, dstate: State, ctx: Context
    ) -> tuple[AnyArray, State, dict[str, AnyArray]]:
        if not tape:
            return dy, None, {}
        rows = dy.row if isinstance(dy, LastRow) else dy
        out = ctx.scratch.array("dx", rows.shape)
        dx = ctx.ops.dropout.backward(rows, self.rate, ctx.key("dropout"), out)
        return (dy._replace(row=dx) if isinstance(dy, LastRow) else dx), None, {}

    def tangent(
        self, x_dot: AnyArray, tape: Record, state_dot: State, ctx: Context
    ) -> tuple[AnyArray, State, Record]:
        y_dot = ctx.ops.tangent("dropout")(x_dot, self.rate, ctx.key("dropout")) if tape else x_dot
        return y_dot, None, None
