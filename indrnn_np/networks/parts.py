"""Parts of the networks: recurrent layers with batch or layer norm and dropout, embedding, read-out.

Position of the norm (`norm_place`):

    after    recurrence, norm     the authors' runs on sequences; learns faster (B, 5.1)
    before   norm, recurrence     the figures of the papers; language models (B, 5.1)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from .. import _check
from .._types import Json
from ..layers import (
    BatchNorm,
    Dropout,
    Embedding,
    IndRNN,
    LastStep,
    Layer,
    LayerNorm,
    Linear,
    Recurrence,
    Tied,
)
from ..layers.recurrent_weight import PROJECTED
from ..layers.time_table import SERIAL
from .sequential import Sequential

OUTPUTS = ("last", "every")
LAST, EVERY = OUTPUTS
NORMS = ("after", "before")
AFTER, BEFORE = NORMS


@dataclass(frozen=True)
class Units:
    """Options of the recurrent layers of a network; `last_init` is recurrent_init of the last.

    With `layernorm`, layer norm replaces batch norm.
    """

    batchnorm: bool = True
    layernorm: bool = False
    norm_place: str = AFTER
    per_step: bool = False
    positions: int | None = None
    activation: str = "relu"
    gamma: float = 2.0
    constrain: bool = True
    recurrent_init: str | float = "uniform"
    last_init: str | float | None = None
    input_init: str | float | None = None
    time: str = SERIAL
    u_form: str = PROJECTED

    def recurrence(self, size: int, rate: float = 0.0, last: bool = False) -> list[Layer]:
        """Return a recurrence without input weights, with its norm and dropout."""
        layer = Recurrence(size, *self._recurrent(last), time=self.time, u_form=self.u_form)
        return self._with_norm(size, layer, rate)

    def weighted(self, inputs: int, size: int, rate: float = 0.0, last: bool = False) -> list[Layer]:
        """Return a recurrence with input weights: an IndRNN, unless a norm follows W."""
        if self.normalised and self.norm_place == BEFORE:
            return [self.linear(inputs, size), *self.recurrence(size, rate, last)]
        activation, start, gamma, constrain = self._recurrent(last)
        layer = IndRNN(
            inputs, size, activation, start, self._input_init, gamma, constrain, time=self.time, u_form=self.u_form
        )  # fmt: skip
        return self._with_norm(size, layer, rate)

    def linear(self, inputs: int, size: int) -> Layer:
        """Return an affine layer with the weight initialiser of the recurrent layers."""
        return Linear(inputs, size, self._input_init)

    @property
    def normalised(self) -> bool:
        """Whether each layer has batch norm or layer norm."""
        return self.batchnorm or self.layernorm

    def norm(self, size: int) -> Layer:
        """Return a layer norm or batch norm layer."""
        return LayerNorm(size) if self.layernorm else BatchNorm(size, self.per_step, positions=self.positions)

    def _with_norm(self, size: int, layer: Layer, rate: float) -> list[Layer]:
        """Return a layer with its norm and dropout."""
        norm = [self.norm(size)] if self.normalised else []
        stack = [*norm, layer] if self.norm_place == BEFORE else [layer, *norm]
        return [*stack, *dropout_layer(rate)]

    def _recurrent(self, last: bool) -> tuple[str, str | float, float, bool]:
        """Return activation, recurrent_init, gamma and constrain of a layer."""
        start = self.recurrent_init if self.last_init is None or not last else self.last_init
        return self.activation, start, self.gamma, self.constrain

    @property
    def _input_init(self) -> str | float:
        if self.input_init is not None:
            return self.input_init
        return "kaiming" if self.normalised else "normal"


def split_units(where: str, output: str, options: Json) -> tuple[Units, Json]:
    """Split the options of a network into Units and the remaining options.

    By default, the last recurrent layer starts with long memories if only the last step is read.
    """
    _check.choice(where, "output", output, OUTPUTS)
    names = [field.name for field in dataclasses.fields(Units)]
    chosen = {name: value for name, value in options.items() if name in names}
    _check.choice(where, "norm_place", chosen.get("norm_place", AFTER), NORMS)
    units = Units(**chosen)
    _check.options(where, units)
    uniform = isinstance(units.recurrent_init, str) and units.recurrent_init == "uniform"
    if units.last_init is None and output == LAST and uniform:
        units = dataclasses.replace(units, last_init="long")
    return units, {name: value for name, value in options.items() if name not in names}


def rates(where: str, dropout: float | Mapping[str, float], places: tuple[str, ...]) -> dict[str, float]:
    """Return the dropout rate at each place; places that a mapping omits have rate 0."""
    if not isinstance(dropout, Mapping):
        _check.real(where, "dropout", dropout)
        return dict.fromkeys(places, dropout)
    for place, rate in dropout.items():
        _check.choice(where, "a place of dropout", place, places)
        _check.real(where, f"dropout[{place!r}]", rate)
    return dict.fromkeys(places, 0.0) | dict(dropout)


def dropout_layer(rate: float) -> list[Layer]:
    """Return a dropout layer, or no layer for rate 0."""
    return [Dropout(rate)] if rate else []


@dataclass(frozen=True)
class Ends:
    """Layers before and after the recurrent layers: an optional embedding, and the read-out.

    With `tied`, the read-out shares the weights of the embedding (Press & Wolf 2017,
    arXiv:1608.05859). If the widths differ, a recurrent layer of the embedding's size is added
    before the read-out, as in the authors' network for words.
    """

    where: str
    input_size: int
    output_size: int
    output: str
    embedding: int | None = None
    tied: bool = False
    embedding_dropout: float = 0.0

    def __post_init__(self) -> None:
        _check.options(self.where, self)
        _check.at_least(self.where, "input_size", self.input_size, 1)
        _check.at_least(self.where, "output_size", self.output_size, 1)
        if self.embedding is not None:
            _check.at_least(self.where, "embedding", self.embedding, 1)
        _check.between(self.where, "embedding_dropout", self.embedding_dropout, 0.0, 1.0)
        if self.embedding is None and (self.tied or self.embedding_dropout):
            problem = "tied is True" if self.tied else f"embedding_dropout is {self.embedding_dropout}"
            because = "because it acts on the weights of an embedding"
            _check.fail(self.where, f"{problem} without an embedding", "embedding=N", because)
        if self.tied and self.output_size != self.input_size:
            problem = f"output_size is {self.output_size} with tied=True"
            because = "because each input symbol has a score"
            _check.fail(self.where, problem, f"{self.input_size}", because)

    @property
    def width(self) -> int:
        """Input width of the first recurrent layer."""
        return self.input_size if self.embedding is None else self.embedding

    def adds_a_layer(self, width: int) -> bool:
        """Return whether a recurrent layer is added before the read-out of `width` neurons."""
        return self.tied and width != self.embedding

    def front(self, rate: float) -> list[Layer]:
        """Return the embedding with its dropout, or no layers."""
        if self.embedding is None:
            return []
        table = Embedding(self.input_size, self.embedding, embedding_dropout=self.embedding_dropout)
        return [table, *dropout_layer(rate)]

    def net(self, stack: list[Layer], width: int, units: Units, rate: float, options: Json) -> Sequential:
        """Return the network of `stack`, which has `width` outputs, followed by the read-out."""
        if self.adds_a_layer(width):
            stack = [*stack, *units.weighted(width, self.width, last=True)]
        if (self.tied or self.output == LAST) and units.normalised and units.norm_place == BEFORE:
            # Normalise the input of the read-out too: the last step may be a sum over all steps.
            at = len(stack) - isinstance(stack[-1], Dropout)
            stack = [*stack[:at], units.norm(self.width if self.tied else width), *stack[at:]]
        stack = [*stack, *dropout_layer(rate), *([LastStep()] if self.output == LAST else [])]
        read = Tied(self.width, self.output_size) if self.tied else Linear(width, self.output_size)
        return Sequential([*stack, read], **options)
