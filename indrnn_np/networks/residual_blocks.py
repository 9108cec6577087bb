"""The residual network: what a block of two recurrent layers gives is added to what it got."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import _check
from ..layers import Layer, Residual
from ..sequential import Sequential
from .parts import LAST, Ends, Units, dropped, rates, units_of

PLACES = ("embedding", "block", "last")  # of dropout


def residual(
    input_size: int,
    hidden: int,
    output_size: int,
    blocks: int,
    steps: int | None,
    dropout: float | Mapping[str, float] = 0.0,
    output: str = LAST,
    embedding: int | None = None,
    tied: bool = False,
    weight_dropout: float = 0.0,
    **options: Any,
) -> Sequential:
    """The residual IndRNN of 2 · blocks + 1 recurrent layers: an affine layer, `blocks` times y = x + F(x), a
    recurrence, and the read-out (A, figure 1 (b); B, figure 3 (b)).

    Equation   F, norm="after"    Recurrence, batch norm, dropout, W, Recurrence, batch norm, dropout, W'
               F, norm="before"   batch norm, Recurrence, dropout, W, batch norm, Recurrence, dropout, W'
    Sources    The figures show "before". "after" is the default because the authors' runs on sequences of pixels and
               skeletons have it; their runs on language have "before". W with the recurrence behind it is an IndRNN.

    Parameters
    ----------
    blocks
        Blocks of two recurrent layers each.
    dropout
        A rate for all places, or rates by place, 0 where none is given: behind the "embedding", behind both recurrent
        layers of each "block", and behind the "last" recurrent layer.
    **options
        As those of `plain`, with batchnorm=True if not given.
    """
    _check.at_least("residual", "blocks", blocks, 1)
    ends = Ends("residual", input_size, output_size, output, embedding, tied, weight_dropout)
    units, options = units_of("residual", output, options)
    rate = rates("residual", dropout, PLACES)
    stack = [*ends.front(rate["embedding"]), units.linear(ends.width, hidden)]
    stack += [_block(units, hidden, rate["block"]) for _ in range(blocks)]
    stack += units.recurrence(hidden, last=not ends.adds_a_layer(hidden))
    if ends.adds_a_layer(hidden):
        stack += dropped(rate["block"])
    return ends.net(stack, hidden, units, rate["last"], {"steps": steps, **options})


def _block(units: Units, size: int, rate: float) -> Layer:
    """x + F(x)."""
    return Residual(
        (*units.recurrence(size, rate), *units.weighted(size, size, rate), units.linear(size, size))
    )
