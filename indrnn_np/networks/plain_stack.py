"""The basic network: recurrent layers one on the other; IndRNNs, or the cells that they are compared with."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import _check
from ..layers import TYPES, Layer
from ..sequential import Sequential
from .parts import AFTER, BEFORE, LAST, Ends, Units, rates, units_of

INDRNN = "indrnn"
# Name of a cell: its layer, and what the name says of it. IRNN: Le et al. 2015, arXiv:1504.00941.
CELLS: dict[str, tuple[str, dict[str, Any]]] = {
    INDRNN: ("IndRNN", {}),
    "rnn-tanh": ("RNN", {"activation": "tanh"}),
    "rnn-relu": ("RNN", {"activation": "relu"}),
    "irnn": ("RNN", {"activation": "relu", "recurrent_init": "identity", "input_init": 0.001}),
    "lstm": ("LSTM", {}),
    "gru": ("GRU", {}),
}
OF_INDRNN = ("activation", "gamma", "constrain", "recurrent_init", "last_init", "input_init")
PLACES = ("embedding", "layer", "last")  # of dropout


def plain(
    input_size: int,
    hidden: int,
    output_size: int,
    layers: int,
    steps: int | None,
    batchnorm: bool = False,
    dropout: float | Mapping[str, float] = 0.0,
    output: str = LAST,
    cell: str = INDRNN,
    embedding: int | None = None,
    tied: bool = False,
    weight_dropout: float = 0.0,
    **options: Any,
) -> Sequential:
    """The basic IndRNN: `layers` recurrent layers, each with its batch norm and its dropout, and an affine read-out
    (A, figure 1 (a); B, 5.1).

    Parameters
    ----------
    batchnorm
        Batch norm in each layer.
    dropout
        A rate for all places, or rates by place, 0 where none is given: behind the "embedding", behind each "layer"
        but the last, and behind the "last" one.
    output
        "last": only the last step is read, and u of the last recurrent layer starts with long memories; or "every".
    cell
        "indrnn", or a rival: "rnn-tanh", "rnn-relu", "irnn", "lstm", "gru".
    embedding
        The input is symbols (T, B), `input_size` of them, each a row of that many numbers.
    tied
        The read-out's weights are the embedding's (parts.Ends).
    weight_dropout
        Share of the embedding's rows that is dropped in each batch.
    **options
        Of the recurrent layers: activation, gamma, constrain, recurrent_init, last_init (of the last one) and
        input_init, which is tiny without batch norm and kaiming-uniform with it if not given. Of batch norm: norm,
        "after" the recurrence or "before" it, per_step and positions. The others (backend, dtype, seed) go to
        Sequential. A rival takes the options that its layer has; any other is an error.
    """
    _check.at_least("plain", "layers", layers, 1)
    _check.choice("plain", "cell", cell, CELLS)
    ends = Ends("plain", input_size, output_size, output, embedding, tied, weight_dropout)
    rate = rates("plain", dropout, PLACES)
    options = {"batchnorm": batchnorm, **options}
    if cell == INDRNN:
        units, options = units_of("plain", output, options)
    else:
        units, options = _rivals(cell, output, options)
    stack, width, own = ends.front(rate["embedding"]), ends.width, ends.adds_a_layer(hidden)
    for i in range(layers):
        final = i == layers - 1 and not own
        stack += units.weighted(width, hidden, 0.0 if final else rate["layer"], final)
        width = hidden
    return ends.net(stack, hidden, units, rate["last"], {"steps": steps, **options})


@dataclass(frozen=True)
class Rivals(Units):
    """Recurrent layers of another kind, with options of their own."""

    kind: type[Layer] = Layer
    of_cell: Mapping[str, Any] = field(default_factory=dict)

    def weighted(self, inputs: int, size: int, rate: float = 0.0, last: bool = False) -> list[Layer]:
        """A layer, its batch norm, its dropout."""
        return self._placed(size, self.kind(inputs, size, **self.of_cell), rate)  # type: ignore[call-arg]


def _rivals(cell: str, output: str, options: Mapping[str, Any]) -> tuple[Rivals, dict[str, Any]]:
    """Twin of parts.units_of for a rival's layers, which have no bound, no last_init, and W inside."""
    name, preset = CELLS[cell]
    kind = TYPES[name]
    fields = {part.name for part in dataclasses.fields(kind)} - {"input_size", "hidden_size"}  # type: ignore[arg-type]
    given = {key: value for key, value in options.items() if key in fields or key in OF_INDRNN}
    for key, value in given.items():
        if key not in fields or key == "activation":
            said = "whose name says it" if key in preset else f"because the layer {name} has no such option"
            _check.fail("plain", f"{key} is {value!r} with cell={cell!r}", f"no {key}", said)
    units, rest = units_of("plain", output, {k: v for k, v in options.items() if k not in given})
    if units.batchnorm and units.norm == BEFORE:
        because = f"because a layer {name} multiplies by W and goes on in one"
        _check.fail("plain", f"norm is {BEFORE!r} with cell={cell!r}", repr(AFTER), because)
    of_norm = {key: getattr(units, key) for key in ("batchnorm", "norm", "per_step", "positions")}
    return Rivals(**of_norm, kind=kind, of_cell={**preset, **given}), rest
