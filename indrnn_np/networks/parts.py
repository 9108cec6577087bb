"""What the networks have in common: recurrent layers with their batch norm and dropout, the input's end, the output's.

Where batch norm stands (`norm`):

    after    recurrence, batch norm     what the authors' runs on sequences do; B, 5.1: it learns faster
    before   batch norm, recurrence     the papers' figures; B, 5.1: for language models, whose state goes on
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .. import _check
from ..layers import BatchNorm, Dropout, Embedding, IndRNN, LastStep, Layer, Linear, Recurrence, Tied
from ..sequential import Sequential

OUTPUTS = ("last", "every")
LAST, EVERY = OUTPUTS
NORMS = ("after", "before")
AFTER, BEFORE = NORMS


@dataclass(frozen=True)
class Units:
    """How the recurrent layers of a network are made; `last_init` is for its last one."""

    batchnorm: bool = True
    norm: str = AFTER
    per_step: bool = False
    positions: int | None = None
    activation: str = "relu"
    gamma: float = 2.0
    constrain: bool = True
    recurrent_init: str | float = "uniform"
    last_init: str | float | None = None
    input_init: str | float | None = None

    def recurrence(self, size: int, rate: float = 0.0, last: bool = False) -> list[Layer]:
        """A recurrence without input weights, its batch norm, its dropout."""
        return self._placed(size, Recurrence(size, *self._recurrent(last)), rate)

    def weighted(self, inputs: int, size: int, rate: float = 0.0, last: bool = False) -> list[Layer]:
        """The same with input weights: one layer, IndRNN, unless batch norm stands between."""
        if self.batchnorm and self.norm == BEFORE:
            return [self.linear(inputs, size), *self.recurrence(size, rate, last)]
        activation, start, gamma, constrain = self._recurrent(last)
        return self._placed(
            size, IndRNN(inputs, size, activation, start, self._input_init, gamma, constrain), rate
        )

    def linear(self, inputs: int, size: int) -> Layer:
        """An affine layer inside a network, whose weights start as those of its recurrent layers."""
        return Linear(inputs, size, self._input_init)

    def batch_norm(self, size: int) -> Layer:
        """Batch norm."""
        return BatchNorm(size, self.per_step, positions=self.positions)

    def _placed(self, size: int, layer: Layer, rate: float) -> list[Layer]:
        norm = [self.batch_norm(size)] if self.batchnorm else []
        stack = [*norm, layer] if self.norm == BEFORE else [layer, *norm]
        return [*stack, *dropped(rate)]

    def _recurrent(self, last: bool) -> tuple[str, str | float, float, bool]:
        start = self.recurrent_init if self.last_init is None or not last else self.last_init
        return self.activation, start, self.gamma, self.constrain

    @property
    def _input_init(self) -> str | float:
        if self.input_init is not None:
            return self.input_init
        return "kaiming" if self.batchnorm else "normal"


def units_of(where: str, output: str, options: Mapping[str, Any]) -> tuple[Units, dict[str, Any]]:
    """Take the options of Units out of a network's, with what is not given as the output asks for; both parts.

    The last recurrent layer starts with long memories if only the last step is read and nothing else was said.
    """
    _check.choice(where, "output", output, OUTPUTS)
    names = [field.name for field in dataclasses.fields(Units)]
    own = {name: value for name, value in options.items() if name in names}
    _check.choice(where, "norm", own.get("norm", AFTER), NORMS)
    units = Units(**own)
    if units.last_init is None and output == LAST and units.recurrent_init == "uniform":
        units = dataclasses.replace(units, last_init="long")
    return units, {name: value for name, value in options.items() if name not in names}


def rates(where: str, dropout: float | Mapping[str, float], places: tuple[str, ...]) -> dict[str, float]:
    """The dropout rate at each place: one number for all, or numbers by place, 0 where none is given."""
    if not isinstance(dropout, Mapping):
        return dict.fromkeys(places, dropout)
    for place in dropout:
        _check.choice(where, "a place of dropout", place, places)
    return dict.fromkeys(places, 0.0) | dict(dropout)


def dropped(rate: float) -> list[Layer]:
    """Dropout, if there is any."""
    return [Dropout(rate)] if rate else []


@dataclass(frozen=True)
class Ends:
    """What stands before and behind the recurrent layers: an embedding or nothing, and the read-out.

    With `tied` the read-out's weights are the embedding's (Press & Wolf 2017, arXiv:1608.05859). Where the width is
    another one, a recurrent layer of the embedding's size stands between, as in the authors' network for words.
    """

    where: str
    input_size: int
    output_size: int
    output: str
    embedding: int | None = None
    tied: bool = False
    weight_dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.embedding is None and (self.tied or self.weight_dropout):
            what = "tied is True" if self.tied else f"weight_dropout is {self.weight_dropout}"
            _check.fail(self.where, f"{what} without an embedding", "embedding=N", "whose weights are meant")
        if self.tied and self.output_size != self.input_size:
            _check.fail(self.where, f"output_size is {self.output_size} with tied=True", f"{self.input_size}",
                        "because each symbol that is read has a score")  # fmt: skip

    @property
    def width(self) -> int:
        """Neurons that the first layer behind the front reads."""
        return self.input_size if self.embedding is None else self.embedding

    def adds_a_layer(self, width: int) -> bool:
        """Does the read-out of that many neurons begin with a recurrent layer, which is then the last one?"""
        return self.tied and width != self.embedding

    def front(self, rate: float) -> list[Layer]:
        """What comes before all else."""
        if self.embedding is None:
            return []
        return [
            Embedding(self.input_size, self.embedding, weight_dropout=self.weight_dropout),
            *dropped(rate),
        ]

    def net(
        self, stack: list[Layer], width: int, units: Units, rate: float, options: Mapping[str, Any]
    ) -> Any:
        """The network of `stack`, which gives `width` neurons: with the read-out at its end."""
        if self.adds_a_layer(width):
            stack = [*stack, *units.weighted(width, self.width, last=True)]
        if (self.tied or self.output == LAST) and units.batchnorm and units.norm == BEFORE:
            # what scores are read from is normalised as well: a last step may be a sum over all of them
            at = len(stack) - isinstance(stack[-1], Dropout)
            stack = [*stack[:at], units.batch_norm(self.width if self.tied else width), *stack[at:]]
        stack = [*stack, *dropped(rate), *([LastStep()] if self.output == LAST else [])]
        read = Tied(self.width, self.output_size) if self.tied else Linear(width, self.output_size)
        return Sequential([*stack, read], **options)
