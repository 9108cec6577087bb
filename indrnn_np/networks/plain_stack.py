"""Plain stack of recurrent layers: IndRNNs, or other cells for comparison."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

from .. import _check, _renamed
from .._types import Json, Value
from ..layers import TYPES, Layer
from ..settings.tables import MOST_LAYERS, ROTATING
from .parts import AFTER, BEFORE, LAST, Ends, Units, rates, split_units
from .sequential import Sequential

INDRNN = "indrnn"
# Layer and options of each cell. IRNN: Le et al. 2015, arXiv:1504.00941.
CELLS: dict[str, tuple[str, Json]] = {
    INDRNN: ("IndRNN", {}),
    "rnn-tanh": ("RNN", {"activation": "tanh"}),
    "rnn-relu": ("RNN", {"activation": "relu"}),
    "irnn": ("RNN", {"activation": "relu", "recurrent_init": "identity", "input_init": 0.001}),
    "lstm": ("LSTM", {}),
    "gru": ("GRU", {}),
    ROTATING: ("RotatingIndRNN", {}),
}
INDRNN_OPTIONS = (
    "activation", "gamma", "constrain", "recurrent_init", "last_init", "input_init", "time", "u_form",
)  # fmt: skip
NORM_OPTIONS = ("batchnorm", "layernorm", "norm_place", "per_step", "positions")
PLACES = ("embedding", "layer", "last")  # places of dropout


@_renamed.keywords(_renamed.NETWORKS)
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
    *,
    embedding: int | None = None,
    tied: bool = False,
    embedding_dropout: float = 0.0,
    **options: Value,
) -> Sequential:
    """Build a stack of recurrent layers with batch or layer norm and dropout, and an affine read-out.

    This is the basic IndRNN of the papers (A, figure 1 (a); B, 5.1).

    Parameters
    ----------
    input_size, hidden, output_size : int
        Number of inputs, of units in each layer, and of outputs.
    layers : int
        Number of recurrent layers.
    steps : int or None
        Sequence length T, from which the bounds on |u| follow.
    batchnorm : bool
        Use batch norm in each layer.
    dropout : float or mapping
        Rate of all places, or rates by place, 0 by default: after the "embedding", after each
        "layer" except the last, and after the "last" layer.
    output : str
        "last" reads the last step only, and u of the last recurrent layer starts with long
        memories. "every" reads every step.
    cell : str
        "indrnn", "rotating" (RotatingIndRNN, `hidden` is even), or for comparison "rnn-tanh",
        "rnn-relu", "irnn", "lstm" or "gru".
    embedding : int, optional
        Size of an embedding of symbols. x is then (T, B) integers below `input_size`.
    tied : bool
        Share the weights of the read-out with the embedding (parts.Ends).
    embedding_dropout : float
        Share of the rows of the embedding that is dropped in each batch.
    **options
        Options of the recurrent layers: activation, gamma, constrain, u_form, time, recurrent_init,
        last_init (recurrent_init of the last layer) and input_init, by default "normal" without a norm
        and "kaiming" with a norm. Options of the norm: layernorm (layer norm replaces batch norm),
        norm_place ("after" or "before" the recurrence), and per_step and positions of batch norm.
        Other options (backend, dtype, seed) are passed to Sequential. A cell other than "indrnn"
        accepts the options of its layer only.

    Returns
    -------
    Sequential
    """
    _check.at_least("plain", "hidden", hidden, 1)
    _check.between("plain", "layers", layers, 1, MOST_LAYERS + 1)
    _check.choice("plain", "cell", cell, CELLS)
    ends = Ends("plain", input_size, output_size, output, embedding, tied, embedding_dropout)
    rate = rates("plain", dropout, PLACES)
    options = {"batchnorm": batchnorm, **options}
    if cell == INDRNN:
        units, options = split_units("plain", output, options)
    else:
        units, options = _split_other(cell, output, options)
    stack, width, added = ends.front(rate["embedding"]), ends.width, ends.adds_a_layer(hidden)
    for i in range(layers):
        final = i == layers - 1 and not added
        stack += units.weighted(width, hidden, 0.0 if final else rate["layer"], final)
        width = hidden
    return ends.net(stack, hidden, units, rate["last"], {"steps": steps, **options})


@dataclass(frozen=True)
class OtherCells(Units):
    """Options of recurrent layers other than the IndRNN."""

    kind: type[Layer] = Layer
    cell_options: Json = field(default_factory=dict)

    def weighted(self, inputs: int, size: int, rate: float = 0.0, last: bool = False) -> list[Layer]:
        """Return a recurrent layer with its norm and dropout."""
        return self._with_norm(size, self.kind(inputs, size, **self.cell_options), rate)  # type: ignore[call-arg]


def _split_other(cell: str, output: str, options: Json) -> tuple[OtherCells, Json]:
    """Split the options of other cells, which have no bound and no last_init."""
    name, preset = CELLS[cell]
    kind = TYPES[name]
    fields = {part.name for part in dataclasses.fields(kind)} - {"input_size", "hidden_size"}  # type: ignore[arg-type]
    chosen = {key: value for key, value in options.items() if key in fields or key in INDRNN_OPTIONS}
    for key, value in chosen.items():
        if key not in fields or (key == "activation" and key in preset):
            reason = f"the cell implies {key}" if key in preset else f"the layer {name} has no such option"
            _check.fail("plain", f"{key} is {value!r} with cell={cell!r}", f"no {key}", f"because {reason}")
    units, rest = split_units("plain", output, {k: v for k, v in options.items() if k not in chosen})
    if units.normalised and units.norm_place == BEFORE:
        because = f"because the layer {name} has no place for a norm after W"
        _check.fail("plain", f"norm_place is {BEFORE!r} with cell={cell!r}", repr(AFTER), because)
    norm_options = {key: getattr(units, key) for key in NORM_OPTIONS}
    return OtherCells(**norm_options, kind=kind, cell_options={**preset, **chosen}), rest
