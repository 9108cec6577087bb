"""Forward and backward passes through a chain of layers, of a network or of a container layer."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from .. import _check
from .._check import convert
from .._types import AnyArray, Probe, Record, State, Value
from .base import Layer
from .context import Context


@dataclasses.dataclass
class Tape:
    """Values of a forward pass that backward needs; with a workspace, valid until the next pass.

    `stamp` marks the pass of a network (networks/tape_stamp.py); tapes of inner layers have none.
    """

    contexts: tuple[Context, ...]
    layers: tuple[Record, ...]
    output: AnyArray
    stamp: Record = None

    def kept(self) -> Iterator[tuple[str, Record]]:
        """Yield the name and the nested arrays of each entry that backward reads."""
        yield "y", self.output
        yield from ((f"the tape of layer {i}", tape) for i, tape in enumerate(self.layers))


def forward_layers(
    layers: Sequence[Layer], x: AnyArray, states: Sequence[State], contexts: Sequence[Context]
) -> tuple[AnyArray, tuple[State, ...], Tape]:
    """Run x (T, B, D) through the layers; return the output, the final states and the tape."""
    y, after, tapes = x, [], []
    for layer, ctx, before in zip(layers, contexts, states, strict=True):
        y, state, tape = layer.forward(y, before, ctx)
        after.append(state)
        tapes.append(tape if ctx.run.training else None)
    return y, tuple(after), Tape(tuple(contexts), tuple(tapes), y)


def network_input(x: AnyArray, ctx: Context) -> AnyArray:
    """Return x (T, B, D) as an array of the backend, with zeros after the end of each sample.

    Symbols (T, B) become int64, with symbol 0 after the end. Symbols in GPU memory without lengths
    are returned unchanged.
    """
    lengths, device = ctx.run.lengths, ctx.ops.device
    if x.dtype.kind in "iu":
        if lengths is None and not isinstance(x, np.ndarray):
            return x
        host = convert.without_padding("Sequential.forward", device.to_host(x), lengths)
        return device.bring(host.astype(np.int64, copy=False))
    x = device.bring(x)
    if lengths is None:
        return x
    out = None if ctx.work is None else ctx.work.array("x", x.shape, x.dtype, device.empty)
    return ctx.ops.rows.without_padding(x, lengths, out)


def backward_layers(
    layers: Sequence[Layer], dy: AnyArray, tape: Tape, dstate: Sequence[State] | None, probe: Probe | None,
    grads: Mapping[str, AnyArray], slot: str = "", input_gradient: bool = True,
) -> tuple[AnyArray, tuple[State, ...]]:  # fmt: skip
    """Propagate dy back through the layers and add the parameter gradients to `grads`.

    Gradients alternate between two buffers below `slot`. dy must not be in these buffers; dx is in
    one of them, or is dy.

    Returns
    -------
    dx : array (T, B, D) or None
        Gradient of the input, None without `input_gradient`.
    before : tuple
        Gradients of the initial states, one for each layer.
    """
    dstates: list[State] = []
    slots = (f"{slot}even", f"{slot}odd")  # a layer never writes the buffer that it reads
    run = dataclasses.replace(tape.contexts[0].run, probe=probe)
    for i in reversed(range(len(layers))):
        needed = input_gradient or i > 0
        ctx = dataclasses.replace(
            tape.contexts[i], run=run, slot=slots[0], grads=grads, input_gradient=needed
        )
        dlast = None if dstate is None else dstate[i]
        dx, before, named = layers[i].backward(dy, tape.layers[i], dlast, ctx)
        if dx is not dy:  # an inactive layer returns dy and writes no buffer
            dy, slots = dx, slots[::-1]
        dstates.append(before)
        for name, gradient in named.items():
            total = grads[ctx.prefix + name]
            ctx.ops.rows.add(total, gradient, total)
    return tape.contexts[0].dense(dy) if input_gradient else None, tuple(reversed(dstates))


def tangent_layers(
    layers: Sequence[Layer], x_dot: AnyArray, tape: Tape, states_dot: Sequence[State],
    directions: Mapping[str, AnyArray],
) -> tuple[AnyArray, tuple[State, ...], tuple[Record, ...]]:  # fmt: skip
    """Return the derivatives of the output and of the final states along directions, and the tapes of the layers.

    Parameters
    ----------
    x_dot : array (T, B, D) or None
        Direction of the input; None for symbols.
    tape : Tape
        Tape of a training pass without fusion.
    states_dot : sequence
        Directions of the initial states, one for each layer; None is zero.
    directions : mapping of str to array
        Direction of each parameter of the network.
    """
    y_dot, after, tapes = x_dot, [], []
    for layer, record, ctx, before in zip(layers, tape.layers, tape.contexts, states_dot, strict=True):
        ctx = dataclasses.replace(ctx, directions=directions)
        y_dot, state_dot, tape_dot = layer.tangent(y_dot, record, before, ctx)
        after.append(state_dot)
        tapes.append(tape_dot)
    return y_dot, tuple(after), tuple(tapes)


def check_layers(where: str, layers: Sequence[Value]) -> int | None:
    """Check that all entries are layers with matching sizes; return the number of outputs."""
    if not layers:
        _check.fail(where, "layers is empty", "at least one layer")
    size: int | None = None
    for i, layer in enumerate(layers):
        if not isinstance(layer, Layer):
            _check.fail(where, f"layers[{i}] is {layer!r}", "a layer such as IndRNN(2, 128)", error=TypeError)
        if size is not None and layer.inputs not in (None, size):
            problem = f"layers[{i}] {type(layer).__name__} has {layer.inputs} inputs"
            _check.fail(where, problem, f"{size}", "to match the output of the layer before it")
        size = layer.outputs or size
    return size


def gathered(layers: Sequence[Layer], method: str, steps: int | None) -> dict[str, Value]:
    """Merge the results of a method of all layers; prefix each name with the index of its layer."""
    return {f"{i}.{n}": v for i, layer in enumerate(layers) for n, v in getattr(layer, method)(steps).items()}


def named_layers(layers: Sequence[Layer], prefix: str = "") -> Iterator[tuple[str, Layer]]:
    """Yield the path and the object of each layer; inner layers come before their container."""
    for i, layer in enumerate(layers):
        yield from named_layers(layer.inner, f"{prefix}{i}.")
        yield f"{prefix}{i}", layer
