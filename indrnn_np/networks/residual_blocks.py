"""Residual network: the output of a block of two recurrent layers is added to its input."""

from __future__ import annotations

from collections.abc import Mapping

from .. import _check, _renamed
from .._types import Value
from ..layers import Layer, Residual
from ..settings.tables import MOST_LAYERS
from .parts import LAST, Ends, Units, dropout_layer, rates, split_units
from .sequential import Sequential

PLACES = ("embedding", "block", "last")  # places of dropout


@_renamed.keywords(_renamed.NETWORKS)
def residual(
    input_size: int,
    hidden: int,
    output_size: int,
    blocks: int,
    steps: int | None,
    dropout: float | Mapping[str, float] = 0.0,
    output: str = LAST,
    *,
    embedding: int | None = None,
    tied: bool = False,
    embedding_dropout: float = 0.0,
    **options: Value,
) -> Sequential:
    """Build a residual IndRNN of 2 · blocks + 1 recurrent layers.

    The network is an affine layer, `blocks` times y = x + F(x), a recurrence, and the read-out
    (A, figure 1 (b); B, figure 3 (b)).

    Parameters
    ----------
    input_size, hidden, output_size : int
        Number of inputs, of units in each layer, and of outputs.
    blocks : int
        Number of blocks of two recurrent layers.
    steps : int or None
        Sequence length T, from which the bounds on |u| follow.
    dropout : float or mapping
        Rate of all places, or rates by place, 0 by default: after the "embedding", after both
        recurrent layers of each "block", and after the "last" recurrent layer.
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
    F with norm_place="after":    R, batch norm, dropout, W, R, batch norm, dropout, W'
    F with norm_place="before":   batch norm, R, dropout, W, batch norm, R, dropout, W'

    R is a Recurrence; W followed by R is an IndRNN. The figures show "before". The default is
    "after", which the authors' runs on sequences of pixels and skeletons use. Their runs on
    language use "before".
    """
    _check.at_least("residual", "hidden", hidden, 1)
    _check.between("residual", "blocks", blocks, 1, MOST_LAYERS + 1)
    ends = Ends("residual", input_size, output_size, output, embedding, tied, embedding_dropout)
    units, options = split_units("residual", output, options)
    rate = rates("residual", dropout, PLACES)
    stack = [*ends.front(rate["embedding"]), units.linear(ends.width, hidden)]
    stack += [_block(units, hidden, rate["block"]) for _ in range(blocks)]
    stack += units.recurrence(hidden, last=not ends.adds_a_layer(hidden))
    if ends.adds_a_layer(hidden):
        stack += dropout_layer(rate["block"])
    return ends.net(stack, hidden, units, rate["last"], {"steps": steps, **options})


def _block(units: Units, size: int, rate: float) -> Layer:
    """Return the layer x + F(x)."""
    return Residual(
        (*units.recurrence(size, rate), *units.weighted(size, size, rate), units.linear(size, size))
    )
