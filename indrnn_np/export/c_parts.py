"""C statements of one time step for the parts of a network."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from .. import _check
from .._types import Array
from .c_functions import ACTIVATIONS
from .parts import Part

WHERE = "export.to_c"


class Values(NamedTuple):
    """A C expression for an array, and its number of elements."""

    name: str
    size: int


class Source:
    """Weights, state and statements of a C file, which parts add to.

    Attributes
    ----------
    weights, members, buffers : list of str
        Definitions of constant arrays, members of the state, and local arrays of a step.
    start, body : list of str
        Statements that set the initial state after it is zeroed, and statements of a step.
    called : set of str
        Functions that the statements call (c_functions.py).
    """

    def __init__(self) -> None:
        self.weights: list[str] = []
        self.members: list[str] = []
        self.buffers: list[str] = []
        self.start: list[str] = []
        self.body: list[str] = []
        self.called: set[str] = set()

    def constants(self, part: Part, *letters: str) -> Iterator[str]:
        """Define arrays of a part, and yield their names. Matrices are stored by columns."""
        for letter in letters:
            array, name = part.arrays[letter], f"${symbol(letter, part)}"
            note = f"  /* {array.shape}, by columns */" if array.ndim == 2 else ""
            self.weights.append(f"static const float {name}[{array.size}] = {braced(array.T)};{note}")
            yield name

    def buffer(self, letter: str, part: Part, size: int) -> str:
        """Declare a local array of the step, and return its name."""
        self.buffers.append(f"float {symbol(letter, part)}[{size}];")
        return symbol(letter, part)

    def states(self, part: Part) -> list[str]:
        """Add the states of a part, and return expressions for them."""
        members = [symbol(letter, part) for letter in part.states]
        self.members += [f"float {member}[{part.units}];" for member in members]
        return [f"state->{member}" for member in members]

    def say(self, part: Part, equation: str) -> None:
        """Add a comment with the equation of a part to the step."""
        self.body.append(f"/* layer {part.name}, {part.kind}: {equation} */")

    def call(self, function: str, *arguments: str | int) -> None:
        """Add a call of a function to the step."""
        self.body.append(self.statement(function, *arguments))

    def statement(self, function: str, *arguments: str | int) -> str:
        """Return a call of a function."""
        self.called.add(function)
        return f"${function}({', '.join(map(str, arguments))});"


def symbol(letter: str, part: Part) -> str:
    """Return the C name of an array of a part, such as h_0 or W_2_1."""
    return f"{letter}_{part.name.replace('.', '_')}"


def braced(values: Array, suffix: str = "f") -> str:
    """Return numbers as a C initialiser in hexadecimal, which keeps all their bits: 0x1.8p+1f is 3."""
    numbers = [f"{value.hex()}{suffix}" for value in values.reshape(-1).astype(float).tolist()]
    lines = [", ".join(numbers[i : i + 5]) for i in range(0, len(numbers), 5)]
    without_zeros = re.sub(r"\.?0+p", "p", ",\n    ".join(lines))
    return f"{{\n    {without_zeros}\n}}"


def chain(source: Source, parts: Sequence[Part], x: Values) -> Values:
    """Add the statements of a chain that reads x; return its output."""
    for part in parts:
        x = STATEMENTS[part.kind](source, part, x)
    return x


def _embedding(source: Source, part: Part, x: Values) -> Values:
    E, H = part.arrays["E"], part.units
    source.weights.append(f"static const float $E[{E.size}] = {braced(E)};  /* {E.shape}, by rows */")
    source.body.append(f"const float *{symbol('y', part)} = $E + (long)symbol * {H};  /* y = E[symbol] */")
    return Values(symbol("y", part), H)


def _linear(source: Source, part: Part, x: Values) -> Values:
    source.say(part, "y = W x + b")
    return Values(_affine(source, part, x, "y"), part.units)


def _affine(source: Source, part: Part, x: Values, letter: str) -> str:
    """Add W x + b, and return the name of its array."""
    size = len(part.arrays["b"])
    y, (W, b) = source.buffer(letter, part, size), source.constants(part, "W", "b")
    source.call("affine", x.size, size, W, b, x.name, y)
    return y


def _batch_norm(source: Source, part: Part, x: Values) -> Values:
    y = source.buffer("y", part, x.size)
    source.say(part, "y = factor x + shift")
    source.call("scale", x.size, *source.constants(part, "factor", "shift"), x.name, y)
    return Values(y, x.size)


def _layer_norm(source: Source, part: Part, x: Values) -> Values:
    y, eps = source.buffer("y", part, x.size), float(part.options["eps"]).hex()
    source.say(part, "y = scale (x - mean) / sqrt(var + eps) + shift")
    source.call("layer_norm", x.size, eps, *source.constants(part, "scale", "shift"), x.name, y)
    return Values(y, x.size)


def _last_step(source: Source, part: Part, x: Values) -> Values:
    """A step returns the output of the sequence so far, so the last step is the current one."""
    return x


def _residual(source: Source, part: Part, x: Values) -> Values:
    inner = chain(source, part.chains[0], x)
    y = source.buffer("y", part, x.size)
    source.say(part, "y = x + F(x)")
    source.call("add", x.size, x.name, inner.name, y)
    return Values(y, x.size)


def _concat(source: Source, part: Part, x: Values) -> Values:
    inner = chain(source, part.chains[0], x)
    size = x.size + inner.size
    y = source.buffer("y", part, size)
    source.say(part, "y = [x, F(x)]")
    source.call("copy", x.size, x.name, y)
    source.call("copy", inner.size, inner.name, f"{y} + {x.size}")
    return Values(y, size)


def _independent(source: Source, part: Part, x: Values) -> Values:
    """IndRNN, and Recurrence, which has no W and b."""
    function, activation = _function(part, "indrnn")
    (h,), (u,) = source.states(part), source.constants(part, "u")
    if "h0" in part.arrays:
        source.start.append(source.statement("copy", part.units, *source.constants(part, "h0"), h))
    inner = "W x + b" if "W" in part.arrays else "x"
    source.say(part, f"h = {activation}({inner} + u h)")
    a = _affine(source, part, x, "a") if "W" in part.arrays else x.name
    source.call(function, part.units, u, a, h)
    return Values(h, part.units)


def _rnn(source: Source, part: Part, x: Values) -> Values:
    function, activation = _function(part, "rnn")
    (h,), (U,) = source.states(part), source.constants(part, "U")
    source.say(part, f"h = {activation}(W x + b + U h)")
    a = _affine(source, part, x, "a")
    source.call("product", part.units, part.units, U, h, a)
    source.call(function, part.units, a, h)
    return Values(h, part.units)


def _lstm(source: Source, part: Part, x: Values) -> Values:
    (h, c), (U,) = source.states(part), source.constants(part, "U")
    source.say(part, "[i f g o] = W x + b + U h")
    a = _affine(source, part, x, "a")
    source.call("product", part.units, 4 * part.units, U, h, a)
    source.call("lstm", part.units, a, h, c)
    return Values(h, part.units)


def _gru(source: Source, part: Part, x: Values) -> Values:
    (h,), (U, c) = source.states(part), source.constants(part, "U", "c")
    source.say(part, "a = W x + b, v = U h + c")
    a, v = _affine(source, part, x, "a"), source.buffer("v", part, 3 * part.units)
    source.call("affine", part.units, 3 * part.units, U, c, h, v)
    source.call("gru", part.units, a, v, h)
    return Values(h, part.units)


def _function(part: Part, kind: str) -> tuple[str, str]:
    """Return the name of the function for a layer's activation, and the activation."""
    activation = part.options["activation"]
    _check.choice(WHERE, f"activation of layer {part.name}", activation, ACTIVATIONS)
    return f"{kind}_{activation}", activation


STATEMENTS: dict[str, Callable[[Source, Part, Values], Values]] = {
    "Embedding": _embedding,
    "Linear": _linear,
    "BatchNorm": _batch_norm,
    "LayerNorm": _layer_norm,
    "LastStep": _last_step,
    "Residual": _residual,
    "Concat": _concat,
    "IndRNN": _independent,
    "Recurrence": _independent,
    "RNN": _rnn,
    "LSTM": _lstm,
    "GRU": _gru,
}
