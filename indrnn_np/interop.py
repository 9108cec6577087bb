"""Arrays from elsewhere: a PyTorch IndRNN's weights under this package's names."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from . import _check

# the last part of a name, without a layer number such as "_l0", says what an array is
KINDS = {
    "W": ("weight_ih", "weight", "W", "kernel"),
    "u": ("weight_hh", "recurrent_weight", "u", "weight_rec"),
    "b": ("bias_ih", "bias", "b", "bias_hh"),
}


def import_torch(state_dict: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays of a PyTorch stack of IndRNN layers as `{"0.W": ..., "0.u": ..., "0.b": ..., "1.W": ...}`.

    W (H, D) may be called weight_ih or weight (of a Linear before the recurrence), u (H,) weight_hh (also (1, H) or
    (H, 1)), b bias_ih, bias or bias_hh (two biases of a layer are added; a layer without one gets zeros).
    Arrays belong together that have the same number in their names (`cells.0.weight_hh`, `weight_hh_l0`);
    where the numbers count modules and not layers, a layer ends where its next W or u comes. Load the result by
    `net.load_state_dict({**net.state_dict(), **arrays})`.

    Parameters
    ----------
    state_dict
        Names to NumPy arrays: `{k: v.numpy() for k, v in module.state_dict().items()}`.

    Raises
    ------
    ValueError
        For a name that is none of these, a shape that does not fit, or a layer without W or u.
    """
    named = [(_kind(name), _number(name), np.asarray(value)) for name, value in state_dict.items()]
    layers = _by_number(named)
    if not all({"W", "u"} <= set(layer) for layer in layers):
        layers = _in_order(named)
    return {f"{i}.{k}": v for i, layer in enumerate(layers) for k, v in _complete(i, layer).items()}


Named = list[tuple[str, "int | None", np.ndarray]]


def _by_number(named: Named) -> list[dict[str, np.ndarray]]:
    """Layers by the number in their arrays' names."""
    layers: dict[int, dict[str, np.ndarray]] = {}
    for letter, number, array in named:
        _put(layers.setdefault(-1 if number is None else number, {}), letter, array)
    return [layers[number] for number in sorted(layers)]


def _in_order(named: Named) -> list[dict[str, np.ndarray]]:
    """Layers in the order of the dictionary: one ends where its next W or u comes."""
    layers: list[dict[str, np.ndarray]] = [{}]
    for letter, _, array in named:
        if letter in layers[-1] and letter != "b":
            layers.append({})
        _put(layers[-1], letter, array)
    return layers


def _put(layer: dict[str, np.ndarray], letter: str, array: np.ndarray) -> None:
    if letter == "u" and array.size == max(array.shape, default=0):
        array = array.reshape(-1)
    layer[letter] = layer[letter] + array if letter in layer else array


def _kind(name: str) -> str:
    """The letter that a name stands for."""
    last = re.sub(r"_l\d+$", "", name.rsplit(".", 1)[-1])
    letters = {n: letter for letter, names in KINDS.items() for n in names}
    if last not in letters:
        _check.fail(
            "import_torch", f"the name {name!r} is unknown", f"names that end in one of {', '.join(letters)}"
        )
    return letters[last]


def _number(name: str) -> int | None:
    """The number of the layer or module that a name holds: `cells.0.u`, `u_l0`."""
    found = re.search(r"(?:^|\.|_l)(\d+)(?:\.|$)", name)
    return None if found is None else int(found.group(1))


def _complete(i: int, layer: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    for letter in ("W", "u"):
        if letter not in layer:
            _check.fail(
                "import_torch",
                f"layer {i} has no {letter}, only {sorted(layer)}",
                f"an array called {' or '.join(KINDS[letter])}",
            )
    W, u = layer["W"], layer["u"]
    _check.array("import_torch", f"W of layer {i}", np.ascontiguousarray(W), 2, "(H, D)")
    H = len(W)
    if u.shape != (H,):
        _check.fail(
            "import_torch",
            f"u of layer {i} has shape {u.shape}",
            f"({H},)",
            f"to match W with shape {W.shape}; a recurrent matrix is not an IndRNN",
        )
    b = layer.get("b", np.zeros(H, W.dtype))
    _check.shape("import_torch", f"b of layer {i}", b, (H,), f"to match W with shape {W.shape}")
    return {name: np.ascontiguousarray(value) for name, value in (("W", W), ("u", u), ("b", b))}
