"""Densely connected network: each layer reads the outputs of all earlier layers of its block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .. import _check, _renamed
from .._types import Value
from ..layers import Concat, Layer
from ..settings.tables import MOST_LAYERS
from .parts import LAST, Ends, Units, rates, split_units
from .sequential import Sequential

# Rates of the authors' runs on sequential MNIST (B, 5.2.2). Their code uses the rate of a
# transition for "last".
DROPOUT = {"first": 0.2, "dense": 0.2, "bottleneck": 0.1, "transition": 0.1, "last": 0.1}
PLACES = ("embedding", *DROPOUT)
FIRST = 6  # neurons of the first layer, in units of the growth


@_renamed.keywords(_renamed.NETWORKS)
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
    *,
    embedding: int | None = None,
    tied: bool = False,
    embedding_dropout: float = 0.0,
    **options: Value,
) -> Sequential:
    """Build a densely connected IndRNN.

    The network has 2 · Σ blocks + len(blocks) + 1 recurrent layers: a first layer of 6 k neurons
    for the growth k, and for each block its dense layers y = [x, F(x)] and a transition that
    reduces the width (B, section 4).

    Parameters
    ----------
    input_size, output_size : int
        Number of inputs and of outputs.
    steps : int or None
        Sequence length T, from which the bounds on |u| follow.
    growth : int
        Number of neurons k that each dense layer adds.
    blocks : sequence of int
        Number of dense layers of each block.
    bottleneck : int
        Width of the first half of a dense layer, in units of k.
    reduction : float
        Width of a transition divided by its number of inputs. With `tied`, the last transition has
        the size of the embedding.
    first : bool
        Use the first layer. If False, the first dense layer reads the input or embedding directly.
    dropout : float or mapping
        Rate of all places, or rates by place, 0 by default: after the "embedding", after the
        "first" layer, after both halves of each dense layer ("bottleneck", then "dense"), after
        each "transition", and after the "last" transition.
    output : str
        As in `plain`.
    embedding : int, optional
        Size of an embedding of symbols. x is then (T, B) integers below `input_size`.
    tied : bool
        Share the weights of the read-out with the embedding (parts.Ends).
    embedding_dropout : float
        Share of the rows of the embedding that is dropped in each batch.
    **options
        As in `plain`; batchnorm defaults to True.

    Returns
    -------
    Sequential

    Notes
    -----
    F with norm_place="after":    W, Recurrence, batch norm, dropout
    F with norm_place="before":   W, batch norm, Recurrence, dropout

    F has this sequence twice, with 4 k neurons and then with k neurons (for bottleneck=4). The
    figure of the paper shows "before", and transitions between blocks only. The default is "after",
    which the authors' runs on sequences of pixels and skeletons use. Their code also has a
    transition after the last block; its recurrent weights start with long memories if only the last
    step is read.
    """
    _check_sizes(growth, blocks, bottleneck, reduction)
    _check.boolean("dense", "first", first)
    ends = Ends("dense", input_size, output_size, output, embedding, tied, embedding_dropout)
    units, options = split_units("dense", output, options)
    rate = rates("dense", dropout, PLACES)
    stack, width = ends.front(rate["embedding"]), ends.width
    if first:
        stack += units.weighted(width, FIRST * growth, rate["first"])
        width = FIRST * growth
    for number, count in enumerate(blocks, 1):
        for _ in range(count):
            stack.append(_dense_layer(units, width, growth, bottleneck, rate))
            width += growth
        last = number == len(blocks)
        after = ends.width if last and tied else max(1, int(width * reduction))
        stack += units.weighted(width, after, 0.0 if last else rate["transition"], last)
        width = after
    return ends.net(stack, width, units, rate["last"], {"steps": steps, **options})


def _check_sizes(growth: int, blocks: Sequence[int], bottleneck: int, reduction: float) -> None:
    """Check the numbers of layers and their widths."""
    if not isinstance(blocks, Sequence) or isinstance(blocks, str | bytes):
        _check.fail("dense", f"blocks is a {type(blocks).__name__}", "numbers of layers", error=TypeError)
    for name, value in (("growth", growth), ("bottleneck", bottleneck), ("blocks", len(blocks))):
        _check.at_least("dense", name, value, 1)
    for number, count in enumerate(blocks):
        _check.at_least("dense", f"blocks[{number}]", count, 1)
    _check.between("dense", "the sum of blocks", sum(blocks), 1, MOST_LAYERS + 1)
    _check.at_least("dense", "reduction", reduction, 0.0)


def _dense_layer(units: Units, width: int, growth: int, bottleneck: int, rate: Mapping[str, float]) -> Layer:
    """Return the layer [x, F(x)]."""
    narrow = bottleneck * growth
    first = units.weighted(width, narrow, rate["bottleneck"])
    return Concat((*first, *units.weighted(narrow, growth, rate["dense"])))
