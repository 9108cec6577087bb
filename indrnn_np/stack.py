"""What a stack of layers may be made of, and what may be fed to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _check
from .layers import TYPES, Layer
from .workspace import Workspace

if TYPE_CHECKING:
    from .sequential import Sequential


def check_stack(layers: Sequence[Any]) -> None:
    """Check that every entry is a layer and that each takes what the one before it gives."""
    if not layers:
        _check.fail("Sequential", "layers is empty", "at least one layer")
    size: int | None = None
    for i, layer in enumerate(layers):
        if not isinstance(layer, Layer):
            _check.fail(
                "Sequential", f"layers[{i}] is {layer!r}", "a layer such as IndRNN(2, 128)", error=TypeError
            )
        if size is not None and layer.inputs not in (None, size):
            _check.fail("Sequential", f"layers[{i}] {type(layer).__name__} has {layer.inputs} inputs", f"{size}",
                        "to match the output of the layer before it")  # fmt: skip
        size = layer.outputs or size


def layer_from_spec(spec: Mapping[str, Any]) -> Layer:
    """The layer that `Layer.spec` described."""
    _check.choice("Sequential.from_spec", "type", spec["type"], TYPES)
    options = {k: layer_from_spec(v) if isinstance(v, Mapping) else v for k, v in spec.items() if k != "type"}
    return TYPES[spec["type"]](**options)


def check_input(
    net: Sequential, x: np.ndarray, lengths: np.ndarray | None, training: bool
) -> np.ndarray | None:
    """Check a batch x (T, B, D) and its lengths against the network; returns the lengths as int64."""
    where = "Sequential.forward"
    _check.array(where, "x", x, 3, "(T, B, D): time, batch, inputs")
    T, B, D = x.shape
    if net.steps not in (None, T) and net.steps == B:
        hint = "; this looks like (B, T, D): numpy.ascontiguousarray(x.transpose(1, 0, 2)) is (T, B, D)"
    else:
        hint = ""
    expected = net.layers[0].inputs
    if expected is not None and expected != D:
        because = f"because the first layer has {expected} inputs{hint}"
        _check.fail(where, f"x has shape {x.shape}", f"(T, B, {expected})", because)
    _check.floats(where, _check.FLOATS, net=net.flat, x=x)
    _check.lengths(where, lengths, T, B)
    if (
        training
        and net.steps is not None
        and net.steps < T
        and any(bound != 1 for bound in net.bounds.values())
    ):
        because = f"(steps of the network), because the bounds on |u| hold for sequences of that length{hint}"
        _check.fail(where, f"x has {T} steps", f"at most {net.steps} in training", because)
    return None if lengths is None else lengths.astype(np.int64)


def zero_padding(x: np.ndarray, lengths: np.ndarray | None, work: Workspace | None = None) -> np.ndarray:
    """x (T, B, D) with zeros after each sample's end, in a copy: whatever stands there, NaN too, reaches nothing."""
    if lengths is None:
        return x
    copy = np.empty_like(x) if work is None else work.array("x", x.shape, x.dtype)
    copy[...] = x
    copy[np.arange(len(x))[:, None] >= lengths] = 0
    return copy
