"""The densely connected network: each layer reads the outputs of all those before it in its block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import _check
from ..layers import Concat, Layer
from ..sequential import Sequential
from .parts import LAST, Ends, Units, rates, units_of

# Rates of the authors' runs on sequential MNIST (B, 5.2.2). Their code takes the rate of a transition for the last one.
DROPOUT = {"first": 0.2, "dense": 0.2, "bottleneck": 0.1, "transition": 0.1, "last": 0.1}
PLACES = ("embedding", *DROPOUT)
FIRST = 6  # neurons of the first layer, in units of the growth


def dense(
    input_size: int,
    output_size: int,
    steps: int | None,
    growth: int = 16,
    blocks: Sequence[int] = (8, 6, 4),
    bottleneck: int = 4,
    reduction: float = 0.5,
    first: bool = True,
    dropout: float | Mapping[str, float] = DROPOUT,
    output: str = LAST,
    embedding: int | None = None,
    tied: bool = False,
    weight_dropout: float = 0.0,
    **options: Any,
) -> Sequential:
    """The dense IndRNN of 2 · Σ blocks + len(blocks) + 1 recurrent layers: a first one of 6 k neurons for the growth k,
    and for each block its dense layers y = [x, F(x)] and a transition to a share of the neurons (B, section 4).

    Equation   F, norm="after"    W, Recurrence, batch norm, dropout: 4 k neurons, and again: k neurons
               F, norm="before"   W, batch norm, Recurrence, dropout: 4 k neurons, and again: k neurons
    Sources    The figure shows "before", and a transition between two blocks. The authors' runs on sequences of pixels
               and skeletons have "after", the default, and their code a transition behind the last block too, whose
               recurrent weights start with long memories if only the last step is read.

    Parameters
    ----------
    growth
        Neurons k that each dense layer adds.
    blocks
        Dense layers of each block.
    bottleneck
        Neurons of a dense layer's first half, in units of k.
    reduction
        Share of its inputs' number that a transition has neurons. With `tied` the last one has the embedding's size.
    first
        False: the first dense layer reads the input, or the embedding, itself.
    dropout
        A rate for all places, or rates by place, 0 where none is given: behind the "embedding", the "first" layer, both
        halves of each dense layer ("bottleneck", then "dense"), each "transition", and the "last" one.
    **options
        As those of `plain`, with batchnorm=True if not given.
    """
    for name, value in (("growth", growth), ("bottleneck", bottleneck), ("blocks", len(blocks))):
        _check.at_least("dense", name, value, 1)
    ends = Ends("dense", input_size, output_size, output, embedding, tied, weight_dropout)
    units, options = units_of("dense", output, options)
    rate = rates("dense", dropout, PLACES)
    stack, width = ends.front(rate["embedding"]), ends.width
    if first:
        stack += units.weighted(width, FIRST * growth, rate["first"])
        width = FIRST * growth
    for number, count in enumerate(blocks, 1):
        _check.at_least("dense", f"blocks[{number - 1}]", count, 1)
        for _ in range(count):
            stack.append(_dense_layer(units, width, growth, bottleneck, rate))
            width += growth
        last = number == len(blocks)
        after = ends.width if last and tied else max(1, int(width * reduction))
        stack += units.weighted(width, after, 0.0 if last else rate["transition"], last)
        width = after
    return ends.net(stack, width, units, rate["last"], {"steps": steps, **options})


def _dense_layer(units: Units, width: int, growth: int, bottleneck: int, rate: Mapping[str, float]) -> Layer:
    """[x, F(x)]."""
    between = bottleneck * growth
    return Concat((*units.weighted(width, between, rate["bottleneck"]),
                   *units.weighted(between, growth, rate["dense"])))  # fmt: skip
