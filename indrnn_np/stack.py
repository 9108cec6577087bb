"""A network's layers out of their specs, and what may be fed to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _check
from .layers import TYPES, Embedding, Layer, Tied
from .layers.chain import named_layers
from .workspace import Workspace

if TYPE_CHECKING:
    from .backend import Backend
    from .sequential import Sequential


SYMBOLS = 2, "(T, B) integers: time, batch"  # axes and layout


def layer_from_spec(spec: Mapping[str, Any]) -> Layer:
    """The layer that `Layer.spec` described."""
    _check.choice("Sequential.from_spec", "type", spec["type"], TYPES)
    return TYPES[spec["type"]](**{k: _from_spec(v) for k, v in spec.items() if k != "type"})


def _from_spec(value: Any) -> Any:
    """An option out of JSON: a layer, several of them, or what it is."""
    if isinstance(value, list):
        return tuple(_from_spec(part) for part in value)
    return layer_from_spec(value) if isinstance(value, Mapping) else value


def check_input(
    net: Sequential, x: np.ndarray, lengths: np.ndarray | None, training: bool
) -> np.ndarray | None:
    """Check a batch x (T, B, D), or (T, B) symbols, and its lengths against the network; returns lengths as int64.

    Values of symbols in the GPU's memory are left to ops.embedding.
    """
    where = "Sequential.forward"
    _check_kind(where, "x", net, x)
    _check.array(where, "x", x, *((3, "(T, B, D): time, batch, inputs") if net.symbols is None else SYMBOLS))
    T, B = x.shape[:2]
    hint = _turned(net, x)
    expected = net.layers[0].inputs
    if expected is not None and expected != x.shape[2]:
        because = f"because the first layer has {expected} inputs{hint}"
        _check.fail(where, f"x has shape {x.shape}", f"(T, B, {expected})", because)
    if net.symbols is None:
        _check.floats(where, _check.FLOATS, net=net.flat, x=x)
    _check.lengths(where, lengths, T, B)
    if net.symbols is not None and isinstance(x, np.ndarray):
        _check.symbols(where, "x", _without_padding(net.ops.to_host(x), lengths), net.symbols, hint=hint)
    if (
        training
        and net.steps is not None
        and net.steps < T
        and any(bound != 1 for bound in net.bounds.values())
    ):
        because = f"(steps of the network), because the bounds on |u| hold for sequences of that length{hint}"
        _check.fail(where, f"x has {T} steps", f"at most {net.steps} in training", because)
    return None if lengths is None else lengths.astype(np.int64)


def check_step(net: Sequential, x_t: np.ndarray) -> np.ndarray:
    """Check what one step gets, x_t (B, D), or (B,) symbols, and return it."""
    where = "Sequential.step"
    _check_kind(where, "x_t", net, x_t)
    if net.symbols is None:
        _check.array(where, "x_t", x_t, 2, "(B, D): one step of every sample")
        _check.floats(where, net=net.flat, x_t=x_t)
    else:
        _check.array(where, "x_t", x_t, 1, "(B,): one symbol of every sample")
        if isinstance(x_t, np.ndarray):
            _check.symbols(where, "x_t", x_t, net.symbols)
    return x_t


def _check_kind(where: str, name: str, net: Sequential, x: Any) -> None:
    """Symbols for a network that begins with an Embedding, and numbers for every other."""
    if not _check.is_array(x):
        return  # the check of the array says so
    integers, first = x.dtype.kind in "iu", type(net.layers[0]).__name__
    if net.symbols is not None and not integers:
        _check.fail(
            where,
            f"{name} has dtype {x.dtype}",
            "an integer dtype",
            "because the first layer is an Embedding",
        )
    if net.symbols is None and integers:
        _check.fail(where, f"{name} has dtype {x.dtype}", f"{net.dtype}",
                    f"because the first layer is {first}; symbols are read by an Embedding")  # fmt: skip


def _turned(net: Sequential, x: np.ndarray) -> str:
    """A hint for x with the batch first."""
    T, B = x.shape[:2]
    if net.steps in (None, T) or net.steps != B:
        return ""
    if net.symbols is not None:
        return "; this looks like (B, T): numpy.ascontiguousarray(x.T) is (T, B)"
    return "; this looks like (B, T, D): numpy.ascontiguousarray(x.transpose(1, 0, 2)) is (T, B, D)"


def _without_padding(ids: np.ndarray, lengths: np.ndarray | None) -> np.ndarray:
    """Symbols (T, B) with number 0 after each sample's end."""
    return ids if lengths is None else np.where(np.arange(len(ids))[:, None] < lengths, ids, 0)


def check_symbols(layers: Sequence[Layer]) -> None:
    """Check that only the first layer reads symbols, and that a Tied finds the embedding that it names."""
    for name, layer in named_layers(layers):
        if layer.reads_symbols and name != "0":
            _check.fail("Sequential", f"layer {name} is an {type(layer).__name__}", "another layer",
                        "because only a network's first layer reads symbols")  # fmt: skip
        if isinstance(layer, Tied):
            table = layers[layer.to] if layer.to < len(layers) else None
            if not isinstance(table, Embedding):
                _check.fail("Sequential", f"layer {name} is a Tied to layer {layer.to}, which is {table}",
                            "an Embedding", "whose weights it shares")  # fmt: skip
            if (layer.input_size, layer.output_size) != (table.size, table.symbols):
                _check.fail("Sequential", f"layer {name} is {layer}",
                            f"Tied({table.size}, {table.symbols})", f"to match layer {layer.to} {table}")  # fmt: skip


def check_gradient(ops: Backend, dy: Any, output: Any) -> Any:
    """Check the gradient of the output, and return it as the backend's array; None is zero."""
    if dy is None:
        return ops.zeros(output.shape, output.dtype)
    _check.array("Sequential.backward", "dy", dy)
    _check.matches("Sequential.backward", "dy", dy, output.shape, "the output", output)
    _check.floats("Sequential.backward", _check.FLOATS, output=output, dy=dy)
    return ops.bring(dy)


def take(ops: Backend, x: Any, lengths: np.ndarray | None, work: Workspace | None = None) -> Any:
    """x (T, B, D) as the backend's array, with zeros after each sample's end: what stands there reaches nothing.

    Symbols (T, B) are taken as int64, with symbol 0 there; in the GPU's memory they stay what they are without lengths.
    """
    if x.dtype.kind in "iu":
        if lengths is None and not isinstance(x, np.ndarray):
            return x
        host = _without_padding(ops.to_host(x), lengths).astype(np.int64, copy=False)
        return ops.bring(np.ascontiguousarray(host))
    x = ops.bring(x)
    if lengths is None:
        return x
    return ops.rows.without_padding(
        x, lengths, None if work is None else work.array("x", x.shape, x.dtype, ops.empty)
    )
