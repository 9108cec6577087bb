"""One pass through layers in a row, there and back: those of a network, and those of a layer made of layers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import _check
from .base import Context, Layer


class Tape(NamedTuple):
    """What backward needs of one forward pass; with a workspace it is valid until the next forward pass."""

    contexts: tuple[Context, ...]
    layers: tuple[Any, ...]
    output: np.ndarray


def forward_layers(
    layers: Sequence[Layer], x: np.ndarray, states: Sequence[Any], contexts: Sequence[Context]
) -> tuple[np.ndarray, tuple[Any, ...], Tape]:
    """Run x (T, B, D) through the layers; returns the output, the states after the last step, and the tape."""
    y, after, tapes = x, [], []
    for layer, ctx, before in zip(layers, contexts, states, strict=True):
        y, state, tape = layer.forward(y, before, ctx)
        after.append(state)
        tapes.append(tape if ctx.training else None)
    return y, tuple(after), Tape(tuple(contexts), tuple(tapes), y)


def backward_layers(
    layers: Sequence[Layer], dy: Any, tape: Tape, dstate: Sequence[Any] | None, probe: Callable[..., None] | None,
    grads: Mapping[str, Any], slot: str = "",
) -> tuple[np.ndarray, tuple[Any, ...]]:  # fmt: skip
    """Carry dy back through the layers and add the parameters' gradients to `grads`, by the network's names.

    Gradients alternate between two buffers below `slot`: dy must stand in neither, and dx is in one of them, or is dy.
    Returns dx (T, B, D) and the gradient of the states before the first step.
    """
    dstates: list[Any] = []
    slots = (f"{slot}even", f"{slot}odd")  # a layer writes where the one above it did not
    for i in reversed(range(len(layers))):
        ctx = dataclasses.replace(tape.contexts[i], probe=probe, slot=slots[0], grads=grads)
        dlast = None if dstate is None else dstate[i]
        dx, before, named = layers[i].backward(dy, tape.layers[i], dlast, ctx)
        if dx is not dy:  # a layer that does nothing hands on what it got, and has used no slot
            dy, slots = dx, slots[::-1]
        dstates.append(before)
        for name, gradient in named.items():
            total = grads[ctx.prefix + name]
            ctx.ops.rows.add(total, gradient, total)
    return tape.contexts[0].dense(dy), tuple(reversed(dstates))


def check_layers(where: str, layers: Sequence[Any]) -> int | None:
    """Check that every entry is a layer and that each takes what the one before it gives; returns the outputs."""
    if not layers:
        _check.fail(where, "layers is empty", "at least one layer")
    size: int | None = None
    for i, layer in enumerate(layers):
        if not isinstance(layer, Layer):
            _check.fail(where, f"layers[{i}] is {layer!r}", "a layer such as IndRNN(2, 128)", error=TypeError)
        if size is not None and layer.inputs not in (None, size):
            _check.fail(where, f"layers[{i}] {type(layer).__name__} has {layer.inputs} inputs", f"{size}",
                        "to match the output of the layer before it")  # fmt: skip
        size = layer.outputs or size
    return size


def gathered(layers: Sequence[Layer], what: str, steps: int | None) -> dict[str, Any]:
    """What the layers' method of that name returns, each name behind its layer's number."""
    return {f"{i}.{n}": v for i, layer in enumerate(layers) for n, v in getattr(layer, what)(steps).items()}


def named_layers(layers: Sequence[Layer], prefix: str = "") -> Iterator[tuple[str, Layer]]:
    """Every layer by the name that its parameters begin with; a layer made of layers comes after its own."""
    for i, layer in enumerate(layers):
        yield from named_layers(layer.inner, f"{prefix}{i}.")
        yield f"{prefix}{i}", layer
