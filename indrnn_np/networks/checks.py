"""Check the arguments of a network's passes: batches, steps, states and gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .. import _check
from .._check import convert, sequences
from .._types import AnyArray, Array, ArrayInput, State, Value
from ..layers import single_values
from ..layers.base import ARRAY

if TYPE_CHECKING:
    from ..device import Device
    from .network import Network


def convert_input(
    net: Network, x: ArrayInput, lengths: ArrayInput, layout: str = sequences.TIME_MAJOR
) -> tuple[AnyArray, AnyArray]:
    """Convert a batch and its lengths (lists, other layouts or precisions) for `check_input`."""
    symbols, inputs = net.symbols is not None, net.layers[0].inputs
    if layout != sequences.TIME_MAJOR and getattr(x, "ndim", 3) == 2 and inputs not in (None, 1):
        because = f"because the first layer has {inputs} inputs; x[None] is a batch of one sequence"
        _check.fail("Sequential.forward", f"x has shape {x.shape}", "3 axes", because)
    dtype = None if symbols else net.dtype
    converted = sequences.time_major("Sequential.forward", "x", x, dtype, lengths, layout, symbols)
    if not symbols:
        sequences.report_dtype("Sequential.forward", "x", x, dtype)
    return converted


def check_input(net: Network, x: AnyArray, lengths: Array | None, training: bool) -> AnyArray | None:
    """Check a batch x (T, B, D), or (T, B) symbols, and its lengths; return the lengths as int64.

    Values of symbols in GPU memory are checked by ops.embedding.
    """
    where = "Sequential.forward"
    _check.boolean(where, "training", training)
    _check_kind(where, "x", net, x)
    _check.arrays(where, "x: any T B D" if net.symbols is None else "x: int T B", x)
    T, B = x.shape[:2]
    hint = _batch_first_hint(net, x)
    expected = net.layers[0].inputs
    if expected is not None and expected != x.shape[2]:
        because = f"because the first layer has {expected} inputs{hint}"
        _check.fail(where, f"x has shape {x.shape}", f"(T, B, {expected})", because)
    if net.symbols is None:
        _check.floats(where, _check.FLOATS, net=net.flat, x=x)
    _check.lengths(where, lengths, T, B)
    if net.symbols is not None and isinstance(x, np.ndarray):
        among = True if lengths is None else _check.counted(where, lengths, x)
        _check.symbols(where, "x", x, net.symbols, among, f"symbols{hint}")
    if training and net.steps is not None and net.steps < T and net.bounded:
        because = f"(steps of the network), because the bounds on |u| hold for sequences of that length{hint}"
        _check.fail(where, f"x has {T} steps", f"at most {net.steps} in training", because)
    if training:
        single_values.check(net, T, B, lengths)
    return None if lengths is None else lengths.astype(np.int64)


def check_step(net: Network, x_t: ArrayInput) -> AnyArray:
    """Convert and check the input of one step, x_t (B, D) or (B,) symbols, and return it."""
    where = "Sequential.step"
    x_t = convert.array(where, "x_t", x_t, None if net.symbols is not None else net.dtype)
    _check_kind(where, "x_t", net, x_t)
    if net.symbols is None:
        _check.arrays(where, "x_t: any B D", x_t)
        _check.floats(where, net=net.flat, x_t=x_t)
    else:
        _check.arrays(where, "x_t: int B", x_t)
        if isinstance(x_t, np.ndarray):
            _check.symbols(where, "x_t", x_t, net.symbols)
    return x_t


def states_of(net: Network, where: str, name: str, states: State) -> Sequence[State]:
    """Check the states of all layers, or their gradients, and return a sequence of them.

    `states=None` gives None for each layer. The layers check shapes and dtypes themselves.
    Gradients may contain a count of steps, which is ignored, so that they can have the structure of
    a state.
    """
    if states is None:
        return (None,) * len(net.layers)
    _check_state(where, name, net.state_form, states)
    return states


def _check_state(where: str, name: str, form: Value, state: State, inside: str = "") -> None:
    """Check that a state or its gradient has the structure of Layer.state_form."""
    kind = type(state).__name__
    if isinstance(form, tuple):
        if not isinstance(state, (tuple, list)):
            expected = f"a sequence with one entry for each layer{inside}"
            hint = "; pass lengths by name, lengths=..." if name == "state" else ""
            _check.fail(where, f"{name} is a {kind}", expected, f"as forward returns it{hint}", TypeError)
        if len(state) != len(form):
            because = f"one for each layer{inside}"
            _check.fail(where, f"{name} has {len(state)} entries", f"{len(form)}", because)
        for i, (part, entry) in enumerate(zip(form, state, strict=True)):
            if entry is not None and not (part is ARRAY and _check.is_array(entry)):
                _check_state(where, f"{name}[{i}]", part, entry, " or array inside")
    elif form is None:
        _check.fail(where, f"{name} is a {kind}", "None", "because there is no such state", error=TypeError)
    elif form is ARRAY or not isinstance(state, (int, np.integer)) or state < 0:
        _check.fail(where, f"{name} is {state!r:.60}", f"{form} or None", error=TypeError)


def _check_kind(where: str, name: str, net: Network, x: AnyArray) -> None:
    """Check that x holds integers if the first layer is an Embedding, else real numbers."""
    if not _check.is_array(x):
        return  # the check of the array reports it
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


def _batch_first_hint(net: Network, x: AnyArray) -> str:
    """Return a hint if x looks batch-first, else an empty string."""
    T, B = x.shape[:2]
    if net.steps in (None, T) or net.steps != B:
        return ""
    if net.symbols is not None:
        return "; this looks like (B, T): numpy.ascontiguousarray(x.T) is (T, B)"
    return f"; this looks like (B, T, D): {sequences.CURE}"


def check_gradient(device: Device, dy: AnyArray, output: AnyArray, probe: Value) -> AnyArray:
    """Check the probe and the gradient of the output; return dy on the device, zeros for None."""
    if probe is not None and not callable(probe):
        expected = "a function of (layer, t0, t1, dh, da), or None"
        _check.fail("Sequential.backward", f"probe is a {type(probe).__name__}", expected, error=TypeError)
    if dy is None:
        return device.zeros(output.shape, output.dtype)
    _check.array("Sequential.backward", "dy", dy)
    because = f"to match the output with shape {output.shape}"
    _check.shape("Sequential.backward", "dy", dy, output.shape, because)
    _check.floats("Sequential.backward", _check.FLOATS, output=output, dy=dy)
    return device.bring(dy)
