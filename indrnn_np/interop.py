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

    Layers are numbered in the order of the dictionary: a layer ends when its next W or u comes. W (H, D)
    may be called weight_ih or weight (of a Linear before the recurrence), u (H,) weight_hh (also (1, H) or
    (H, 1)), b bias_ih, bias or bias_hh (two biases of a layer are added; a layer without one gets zeros);
    suffixes `_l0`, `_l1`, ... name the layer. Load the result with
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
    layers: list[dict[str, np.ndarray]] = []
    numbers: dict[str, int] = {}
    for name, value in state_dict.items():
        letter, suffix = _kind(name)
        array = np.asarray(value)
        if letter == "u":
            array = array.reshape(-1) if array.size == max(array.shape, default=0) else array
        if suffix:
            index = numbers.setdefault(suffix, len(numbers))
            while len(layers) <= index:
                layers.append({})
            layer = layers[index]
        else:
            if not layers or (letter in layers[-1] and letter != "b"):
                layers.append({})
            layer = layers[-1]
        layer[letter] = layer[letter] + array if letter in layer else array
    return {f"{i}.{k}": v for i, layer in enumerate(layers) for k, v in _complete(i, layer).items()}


def _kind(name: str) -> tuple[str, str]:
    """The letter that a name stands for, and its layer suffix."""
    match = re.fullmatch(r"(.*?)(_l\d+)?", name.rsplit(".", 1)[-1])
    last, suffix = match.group(1), match.group(2) or ""  # type: ignore[union-attr]
    letters = {n: letter for letter, names in KINDS.items() for n in names}
    if last not in letters:
        _check.fail(
            "import_torch", f"the name {name!r} is unknown", f"names that end in one of {', '.join(letters)}"
        )
    return letters[last], suffix


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
