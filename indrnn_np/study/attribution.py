"""Attribution: the terms of each time step and bias in an output of a piecewise linear network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .. import _check
from .._check import convert
from .._types import Array, ArrayInput
from ..gradients.samples import sample_gradients_of_layers
from ..layers import (
    RNN,
    Bidirectional,
    Concat,
    Dropout,
    Embedding,
    IndRNN,
    LastStep,
    Layer,
    Linear,
    Recurrence,
    Residual,
)
from ..layers.chain import Tape, named_layers, network_input
from ..networks import tangents
from ..networks.sequential import Sequential
from .finding import Finding, Table

WHERE = "study.attribution"
LINEAR = (Bidirectional, Concat, Dropout, Embedding, LastStep, Linear, Residual)
PIECEWISE = ("relu", "identity")  # activations
MOST = 0.99  # share of the terms whose smallest number of time steps the sentence tells


@dataclass(frozen=True, repr=False, eq=False)
class Attribution(Finding):
    """Result of `attribution`.

    Attributes
    ----------
    outputs : array of int (B,)
        Index of the chosen output of each sample.
    output : array (B,)
        Its value y.
    steps : array (T, B)
        <∂y/∂x_t, x_t>, the term of each time step.
    names : tuple of str (N,)
        Biases and learned initial states, such as "0.b".
    biases : array (N, B)
        <∂y/∂b, b>, the term of each of them.
    marks : array of int
        Steps of sample 0, from 1, that the figure marks.
    """

    kind: ClassVar[str] = "attribution"

    outputs: Array
    output: Array
    steps: Array
    names: tuple[str, ...]
    biases: Array
    marks: Array
    title: str = ""

    def remainder(self) -> Array:
        """Return the output minus all terms, (B,): rounding errors."""
        return self.output - self.steps.sum(axis=0) - self.biases.sum(axis=0)

    def largest(self, count: int) -> Array:
        """Return the `count` time steps with the largest terms of each sample, (count, B), largest first."""
        return np.argsort(-np.abs(self.steps), axis=0, kind="stable")[:count]

    def words(self) -> str:
        """Return the share of the terms of sample 0 that its marked or two largest time steps have."""
        marked = self.marks if len(self.marks) else np.sort(self.largest(2)[:, 0]) + 1
        sizes = np.abs(self.steps[:, 0])
        total = float(sizes.sum())
        share = float(sizes[marked - 1].sum()) / total if total else 0.0
        most = 1 + int(np.searchsorted(np.cumsum(np.sort(sizes)[::-1]), MOST * total)) if total else 0
        where = ("the marked steps " if len(self.marks) else "") + " and ".join(f"t = {t}" for t in marked)
        return (
            f"{where} hold {share:.0%} of the terms of {len(self.steps)} time steps in output {self.outputs[0]} of "
            f"sample 0, y = {self.output[0]:.4g}; {MOST:.0%} are in {most} steps; biases hold "
            f"{float(self.biases[:, 0].sum()):.3g}; the terms add up to within "
            f"{float(np.abs(self.remainder()).max()):.1g}"
        )

    def table(self) -> Table:
        """Return one row for each time step and sample, with t from 1."""
        T, B = self.steps.shape
        return {
            "step t": np.repeat(np.arange(1, T + 1), B),
            "sample": np.tile(np.arange(B), T),
            "term <dy/dx_t, x_t>": self.steps.ravel(),
        }


def attribution(
    net: Sequential,
    x: ArrayInput,
    output: int | None = 0,
    lengths: ArrayInput = None,
    step: int | None = None,
    marks: ArrayInput = (),
    title: str = "",
) -> Attribution:
    """Split an output of a piecewise linear network into terms of time steps and biases, by one backward pass.

    Parameters
    ----------
    net : Sequential
        Network on a CPU backend: IndRNN, Recurrence and RNN with relu or identity, Linear, Embedding, Dropout,
        LastStep, and containers of these. Dropout is inactive.
    x : array (T, B, D) or (T, B)
        Input or symbols.
    output : int, optional
        Index of the output; None: the largest output of each sample.
    lengths : int array (B,), optional
        Sequence length of each sample.
    step : int, optional
        Time step of the output, if the network has an output at every step; by default the last of each sample.
    marks : sequence of int
        Steps of sample 0, from 1, that the figure marks.
    title : str
        Title of the figures.

    Returns
    -------
    Attribution

    Raises
    ------
    ValueError
        If a layer is not piecewise linear; the message names it.

    Notes
    -----
    Between its kinks a relu network is linear in its inputs, biases and initial states, so

        y = Σ_t <∂y/∂x_t, x_t> + Σ_b <∂y/∂b, b> + <∂y/∂h_0, h_0>

    For symbols, the row E[x_t] takes the place of x_t.

    Examples
    --------
    >>> import numpy as np
    >>> import indrnn_np as ir
    >>> net = ir.Sequential([ir.IndRNN(1, 3), ir.LastStep(), ir.Linear(3, 1)], steps=4, dtype="float64")
    >>> terms = ir.study.attribution(net, np.random.default_rng(0).standard_normal((4, 5, 1)))
    >>> terms.steps.shape, bool(np.abs(terms.remainder()).max() < 1e-12)
    ((4, 5), True)
    """
    check_layers(net)
    x = convert.array(WHERE, "x", x, None if net.symbols else net.dtype)
    lengths = None if lengths is None else convert.array(WHERE, "lengths", lengths)
    y, _, tape = tangents.primal(net, WHERE, x, None, lengths, dropout=False)
    place = _place(y, output, step, tape.contexts[0].run.lengths)
    dy = np.zeros_like(y)
    dy[place] = 1
    first = int(net.symbols is not None)  # symbols have no gradient: start from the rows of the table
    inputs = network_input(x, tape.contexts[0])
    if first:
        inputs = net.layers[0].forward(inputs, None, tape.contexts[0])[0]
    inner = Tape(tape.contexts[first:], tape.layers[first:], tape.output)
    dx, gradients = sample_gradients_of_layers(net.layers[first:], dy, inner)
    names = tuple(name for name in net.params if name.split(".")[-1] in ("b", "h0"))
    biases = np.array([gradients[_below(name, first)] @ net.params[name] for name in names])
    steps = np.einsum("tbd,tbd->tb", dx, inputs)
    marks = np.array(marks, np.int64)
    return Attribution(place[-1], y[place], steps, names, biases.reshape(len(names), -1), marks, title)


def _below(name: str, first: int) -> str:
    """Return the name of a parameter, such as "3.b", in the network without its first layers."""
    layer, rest = name.split(".", 1)
    return f"{int(layer) - first}.{rest}"


def check_layers(net: Sequential) -> None:
    """Raise ValueError if a layer is not piecewise linear."""
    if not isinstance(net, Sequential):
        _check.fail(WHERE, f"net is {net!r:.60}", "a network such as ir.Sequential([...])", error=TypeError)
    for name, layer in named_layers(net.layers):
        _refuse_curves(name, layer)


def _refuse_curves(name: str, layer: Layer) -> None:
    """Raise an error for a layer that is not piecewise linear."""
    expected, because = "piecewise linear layers", "because only their terms add up to the output"
    if isinstance(layer, IndRNN | Recurrence | RNN):
        if layer.activation not in PIECEWISE:
            problem = f"layer {name} has activation {layer.activation!r}"
            _check.fail(WHERE, problem, " or ".join(map(repr, PIECEWISE)), because)
    elif not isinstance(layer, LINEAR):
        _check.fail(WHERE, f"layer {name} is a {type(layer).__name__}", expected, because)


def _place(y: Array, output: int | None, step: int | None, lengths: Array | None) -> tuple[Array, ...]:
    """Return the index in y of the chosen output of each sample: arrays (B,), with time steps if y has them."""
    B, K = y.shape[-2:]
    samples: tuple[Array, ...] = (np.arange(B),)
    if y.ndim == 3:
        if step is not None:
            _check.between(WHERE, "step", step, 0, len(y))
        last = np.full(B, len(y)) if lengths is None else lengths
        samples = (np.maximum(last - 1, 0) if step is None else np.full(B, step), *samples)
    elif step is not None:
        because = "because the network has an output at the last step only"
        _check.fail(WHERE, f"step is {step}", "None", because)
    if output is None:
        return *samples, y[samples].argmax(axis=1)
    _check.between(WHERE, "output", output, 0, K)
    return *samples, np.full(B, output)
