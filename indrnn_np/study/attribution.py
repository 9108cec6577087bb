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


@dataclass(frozen=True, repr=False, eq=False)
class Attribution(Finding):
    """Result of `attribution`.

    Attributes
    ----------
    output : array (B,)
        The chosen output of each sample.
    steps : array (T, B)
        <∂y/∂x_t, x_t>, the term of each time step.
    names : tuple of str (N,)
        Biases and learned initial states, such as "0.b".
    biases : array (N, B)
        <∂y/∂b, b>, the term of each of them.
    """

    kind: ClassVar[str] = "attribution"

    output: Array
    steps: Array
    names: tuple[str, ...]
    biases: Array
    title: str = ""

    def remainder(self) -> Array:
        """Return the output minus all terms, (B,): rounding errors."""
        return self.output - self.steps.sum(axis=0) - self.biases.sum(axis=0)

    def largest(self, count: int) -> Array:
        """Return the `count` time steps with the largest terms of each sample, (count, B), largest first."""
        return np.argsort(-np.abs(self.steps), axis=0, kind="stable")[:count]

    def words(self) -> str:
        """Return the share of the terms of sample 0 that its two largest time steps have."""
        sizes = np.abs(self.steps[:, 0])
        first, total = self.largest(2)[:, 0], float(sizes.sum())
        share = float(sizes[first].sum()) / total if total else 0.0
        where = " and ".join(f"t = {int(t) + 1}" for t in sorted(first))
        return (
            f"{where} hold {share:.0%} of the terms of {len(self.steps)} time steps in y = {self.output[0]:.4g} "
            f"(sample 0); biases hold {float(self.biases[:, 0].sum()):.3g}; the terms add up to within "
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
    output: int = 0,
    lengths: ArrayInput = None,
    step: int | None = None,
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
    output : int
        Index of the output.
    lengths : int array (B,), optional
        Sequence length of each sample.
    step : int, optional
        Time step of the output, if the network has an output at every step; by default the last of each sample.
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
    if not isinstance(net, Sequential):
        _check.fail(WHERE, f"net is {net!r:.60}", "a network such as ir.Sequential([...])", error=TypeError)
    for name, layer in named_layers(net.layers):
        _refuse_curves(name, layer)
    x = convert.array(WHERE, "x", x, None if net.symbols else net.dtype)
    lengths = None if lengths is None else convert.array(WHERE, "lengths", lengths)
    y, _, tape = tangents.primal(net, WHERE, x, None, lengths, dropout=False)
    dy = _selection(y, output, step, tape.contexts[0].run.lengths)
    first = int(net.symbols is not None)  # symbols have no gradient: start from the rows of the table
    inputs = network_input(x, tape.contexts[0])
    if first:
        inputs = net.layers[0].forward(inputs, None, tape.contexts[0])[0]
    inner = Tape(tape.contexts[first:], tape.layers[first:], tape.output)
    dx, gradients = sample_gradients_of_layers(net.layers[first:], dy, inner)
    terms = {}
    for name, gradient in gradients.items():
        index, rest = name.split(".", 1)
        if rest.split(".")[-1] in ("b", "h0"):
            full = f"{int(index) + first}.{rest}"
            terms[full] = gradient @ net.params[full]
    values = np.array(list(terms.values())).reshape(len(terms), x.shape[1])
    steps = np.einsum("tbd,tbd->tb", dx, inputs)
    return Attribution(
        (y * dy).reshape(-1, *y.shape[-2:]).sum(axis=(0, 2)), steps, tuple(terms), values, title
    )


def _refuse_curves(name: str, layer: Layer) -> None:
    """Raise an error for a layer that is not piecewise linear."""
    expected, because = "piecewise linear layers", "because only their terms add up to the output"
    if isinstance(layer, IndRNN | Recurrence | RNN):
        if layer.activation not in PIECEWISE:
            problem = f"layer {name} has activation {layer.activation!r}"
            _check.fail(WHERE, problem, " or ".join(map(repr, PIECEWISE)), because)
    elif not isinstance(layer, LINEAR):
        _check.fail(WHERE, f"layer {name} is a {type(layer).__name__}", expected, because)


def _selection(y: Array, output: int, step: int | None, lengths: Array | None) -> Array:
    """Return an array of the shape of y with 1 at the chosen output of each sample, and 0 elsewhere."""
    _check.between(WHERE, "output", output, 0, y.shape[-1])
    dy = np.zeros_like(y)
    if y.ndim == 2:
        if step is not None:
            _check.fail(
                WHERE, f"step is {step}", "None", "because the network has an output at the last step only"
            )
        dy[:, output] = 1
        return dy
    if step is not None:
        _check.between(WHERE, "step", step, 0, len(y))
    T, B = y.shape[:2]
    last = np.full(B, T) if lengths is None else lengths
    chosen = np.maximum(last - 1, 0) if step is None else np.full(B, step)
    dy[chosen, np.arange(B), output] = 1
    return dy
