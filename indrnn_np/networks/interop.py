"""Import the weights of a PyTorch IndRNN."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from .. import _check
from .._check import convert
from .._types import AnyArray, Array

# Kind of an array by the last part of its name, without a layer number such as "_l0".
KINDS = {
    "W": ("weight_ih", "weight", "W", "kernel"),
    "u": ("weight_hh", "recurrent_weight", "u", "weight_rec"),
    "b": ("bias_ih", "bias", "b", "bias_hh"),
}
ADDED = {"bias_ih", "bias_hh"}  # PyTorch's two biases of a layer, whose sum is b


@dataclass(frozen=True)
class Named:
    """Array with its name, the last part of the name, its letter, and the numbers in the name."""

    name: str
    last: str
    letter: str
    numbers: tuple[int, ...]
    array: AnyArray


def import_torch(state_dict: Mapping[str, AnyArray]) -> dict[str, Array]:
    """Return the arrays of a PyTorch stack of IndRNN layers, named as in a Sequential.

    The result is `{"0.W": ..., "0.u": ..., "0.b": ..., "1.W": ...}`. Load it by
    `net.load_state_dict({**net.state_dict(), **arrays})`, into layers with `u_form="projected"`.

    Parameters
    ----------
    state_dict : mapping of str to array
        NumPy arrays by name, `{k: v.numpy() for k, v in module.state_dict().items()}`, of the
        IndRNN layers only, without norms, read-out or skip paths.

    Returns
    -------
    dict of str to array
        W (H, D), u (H,) and b (H,) of each layer.

    Raises
    ------
    ValueError
        If the name, dtype or shape of an array does not fit, if a layer has two arrays of a kind,
        or if the order of the layers is ambiguous. The message names the array.

    Notes
    -----
    The last part of a name determines the kind of the array:

    - W (H, D): `weight_ih`, `weight` (of a Linear before the recurrence), `W`, `kernel`
    - u (H,), (1, H) or (H, 1): `weight_hh`, `recurrent_weight`, `u`, `weight_rec`
    - b (H,): `bias_ih`, `bias`, `b`, `bias_hh`. The sum of `bias_ih` and `bias_hh` is b; no other
      arrays are added. The b of a layer without a bias is zero.

    The numbers in a name determine the layer, in one of three ways:

    - Arrays of a layer share their numbers: `weight_hh_l0`, `cells.0.weight_hh`,
      `blocks.0.cells.1.u`, or `DIs.0.weight` and `RNNs.0.weight_hh`.
    - No name has a number: the arrays are one layer.
    - The numbers count modules, as in `torch.nn.Sequential`: `0.weight`, `0.bias`, `1.weight_hh`,
      `2.weight`, ... Each layer must have the same kinds in the same order, and greater numbers
      than the previous layer.
    """
    named = [_named(name, value) for name, value in state_dict.items()]
    if not named:
        _fail("state_dict is empty", "the arrays of at least one layer")
    groups: dict[tuple[int, ...], list[Named]] = {}
    for item in named:
        groups.setdefault(item.numbers, []).append(item)
    whole = all({"W", "u"} <= {item.letter for item in group} for group in groups.values())
    layers = [groups[numbers] for numbers in sorted(groups)] if whole else _in_order(named)
    weights: dict[str, Array] = {}
    width = None
    for i, layer in enumerate(layers):
        arrays = _arrays(i, layer, width)
        weights |= {f"{i}.{letter}": value for letter, value in arrays.items()}
        width = len(arrays["u"])
    return weights


def _named(name: str, value: AnyArray) -> Named:
    """Parse the name of an array."""
    last = re.sub(r"_l\d+$", "", name.rsplit(".", 1)[-1])
    letters = {known: letter for letter, names in KINDS.items() for known in names}
    if last not in letters:
        _fail(f"the name {name!r} is unknown", f"names that end in one of {', '.join(letters)}")
    array = convert.array("import_torch", name, value)
    if array.dtype.kind != "f":
        _fail(f"{name} has dtype {array.dtype}", "a real floating-point dtype")
    numbers = tuple(int(n) for n in re.findall(r"(?:(?<=\.)|^|(?<=_l))\d+(?=\.|$)", name))
    return Named(name, last, letters[last], numbers, array)


def _in_order(named: list[Named]) -> list[list[Named]]:
    """Group arrays in the order of the dictionary; a new layer begins where a kind repeats."""
    layers: list[list[Named]] = [[]]
    for item in named:
        if not item.numbers and len(named) > 1 and any(other.numbers for other in named):
            because = "because numbers tell the layers apart"
            _fail(f"{item.name} has no number", "a number, as in other names", because)
        if item.last in {other.last for other in layers[-1]}:
            layers.append([])
        layers[-1].append(item)
    kinds = [[item.last for item in layer] for layer in layers]
    only = "because only the order tells layers apart here"
    for i, (before, layer) in enumerate(itertools.pairwise(layers), 1):
        if {"W", "u"} <= {item.letter for item in layer} and kinds[i] != kinds[0]:
            names, expected = ", ".join(item.name for item in layer), ", ".join(kinds[0])
            _fail(f"layer {i} has the arrays {names}", f"the kinds {expected} in the order of layer 0", only)
        last, first = max(before, key=lambda item: item.numbers), min(layer, key=lambda item: item.numbers)
        if last.numbers >= first.numbers:
            _fail(f"{first.name} comes after {last.name}", "numbers that grow from layer to layer", only)
    return layers


def _arrays(i: int, layer: list[Named], width: int | None) -> dict[str, Array]:
    """Return W, u and b of layer i; `width` is the number of units of layer i - 1."""
    by_letter = {letter: [item for item in layer if item.letter == letter] for letter in KINDS}
    for letter in ("W", "u"):
        if not by_letter[letter]:
            letters = sorted({item.letter for item in layer})
            names = "beside " + ", ".join(item.name for item in layer)
            expected = f"an array called {' or '.join(KINDS[letter])}"
            _fail(f"layer {i} has no {letter}, only {letters}", expected, names)
    for letter, items in by_letter.items():
        places = {item.name.rpartition(".")[0] for item in items}
        added = len(items) == 2 and {item.last for item in items} == ADDED and len(places) == 1
        if len(items) > 1 and not added:
            because = "because only bias_ih and bias_hh are added; pass the arrays of the IndRNN layers alone"
            problem = f"{items[1].name} is a second {letter} of layer {i} beside {items[0].name}"
            _fail(problem, f"one {letter}", because)
    (W,), (u,), biases = (by_letter[letter] for letter in KINDS)
    if W.array.ndim != 2:
        _fail(f"W of layer {i} has shape {W.array.shape}", "(H, D)", f"as {W.name}")
    H, D = W.array.shape
    match = f"to match W with shape {W.array.shape}"
    if width not in (None, D):
        because = f"because layer {i - 1} has {width} units"
        _fail(f"{W.name} has shape {W.array.shape}", f"(H, {width})", because)
    flat = u.array.reshape(-1) if u.array.shape in ((1, H), (H, 1)) else u.array
    if flat.shape != (H,):
        because = f"{match}; a recurrent matrix is not an IndRNN"
        _fail(f"u of layer {i} has shape {flat.shape}", f"({H},)", because)
    for item in biases:
        _check.shape("import_torch", f"b of layer {i}", item.array, (H,), f"{match}: {item.name}")
    b = sum((item.array for item in biases[1:]), biases[0].array) if biases else np.zeros(H, W.array.dtype)
    return {"W": W.array, "u": flat, "b": b}


def _fail(problem: str, expected: str, because: str = "") -> NoReturn:
    _check.fail("import_torch", problem, expected, because)
