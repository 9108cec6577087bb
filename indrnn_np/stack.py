"""A stack of layers: what it may be made of, what may be fed to it, and one pass through it, there and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import _check
from .layers import TYPES, Layer
from .layers.base import Context
from .parameters import Views
from .workspace import Workspace

if TYPE_CHECKING:
    from .backend import Backend
    from .sequential import Sequential


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
    grads: Views,
) -> tuple[np.ndarray, tuple[Any, ...]]:  # fmt: skip
    """Carry dy back through the layers and add the parameters' gradients to `grads`.

    Returns dx (T, B, D) and the gradient of the states before the first step.
    """
    dstates: list[Any] = []
    slots = ("even", "odd")  # a layer writes where the one above it did not
    for i in reversed(range(len(layers))):
        ctx = dataclasses.replace(tape.contexts[i], probe=probe, slot=slots[0])
        dlast = None if dstate is None else dstate[i]
        dx, before, named = layers[i].backward(dy, tape.layers[i], dlast, ctx)
        if dx is not dy:  # a layer that does nothing hands on what it got, and has used no slot
            dy, slots = dx, slots[::-1]
        dstates.append(before)
        for name, gradient in named.items():
            total = grads[f"{i}.{name}"]
            ctx.ops.rows.add(total, gradient, total)
    return tape.contexts[0].dense(dy), tuple(reversed(dstates))


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


def check_gradient(ops: Backend, dy: Any, output: Any) -> Any:
    """Check the gradient of the output, and return it as the backend's array; None is zero."""
    if dy is None:
        return ops.zeros(output.shape, output.dtype)
    _check.array("Sequential.backward", "dy", dy)
    _check.matches("Sequential.backward", "dy", dy, output.shape, "the output", output)
    _check.floats("Sequential.backward", _check.FLOATS, output=output, dy=dy)
    return ops.bring(dy)


def take(ops: Backend, x: Any, lengths: np.ndarray | None, work: Workspace | None = None) -> Any:
    """x (T, B, D) as the backend's array, with zeros after each sample's end: what stands there reaches nothing."""
    x = ops.bring(x)
    if lengths is None:
        return x
    return ops.rows.without_padding(
        x, lengths, None if work is None else work.array("x", x.shape, x.dtype, ops.empty)
    )
