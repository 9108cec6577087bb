"""Directional derivative of a network (forward mode): the tangents of its layers, one after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .. import _check
from .._types import AnyArray, Array, Record, State, Value
from ..layers.chain import Tape, forward_layers, network_input, tangent_layers
from ..parameters import Views
from .checks import check_input, states_of

if TYPE_CHECKING:
    from .network import Network


class Jvp(NamedTuple):
    """Outputs of a training pass, and their derivatives along a direction.

    Attributes
    ----------
    y, y_dot : array (B, K) or (T, B, K)
        Output and its derivative.
    state, state_dot : tuple
        State after the last step and its derivative, one entry for each layer.
    """

    y: Array
    y_dot: Array
    state: tuple[State, ...]
    state_dot: tuple[State, ...]


def jvp(
    net: Network,
    x: Array,
    direction: Mapping[str, Array] | Array,
    x_dot: Array | None = None,
    state: Sequence[State] | None = None,
    state_dot: Sequence[State] | None = None,
    lengths: Array | None = None,
) -> Jvp:
    """Run `Sequential.jvp`, which documents the arguments."""
    y, after, tape = primal(net, "Sequential.jvp", x, state, lengths)
    x_dot = direction_of_input(net, "Sequential.jvp", x, x_dot)
    if x_dot is not None and lengths is not None:
        x_dot = net.ops.rows.without_padding(x_dot, tape.contexts[0].run.lengths)
    states_dot = states_of(net, "Sequential.jvp", "state_dot", state_dot)
    views = directions(net, "Sequential.jvp", direction)
    y_dot, after_dot, _ = tangent_layers(net.layers, x_dot, tape, states_dot, views)
    return Jvp(y, y_dot, after, after_dot)


def along(
    net: Network, x: Array, tape: Tape, direction: Mapping[str, Array]
) -> tuple[Array, tuple[Record, ...]]:
    """Return the derivative of the output along a direction of the parameters, and the tapes for second derivatives."""
    x_dot = None if net.symbols is not None else np.zeros_like(x)
    y_dot, _, tapes = tangent_layers(net.layers, x_dot, tape, (None,) * len(net.layers), direction)
    return y_dot, tapes


def primal(
    net: Network,
    where: str,
    x: Array,
    state: Sequence[State] | None,
    lengths: Array | None,
    **options: Value,
) -> tuple[Array, tuple[State, ...], Tape]:
    """Run a training pass for tangents: without fusion, and without a change of running statistics.

    `options` are fields of Pass.
    """
    if net.device.arrays is not np.ndarray:
        because = "because tangents have no kernels for a GPU"
        _check.fail(where, f"the backend is {net.backend!r}", "'cpu' or 'reference'", because)
    lengths = check_input(net, x, lengths, not options.get("running"))
    states = states_of(net, where, "state", state)
    contexts = net.contexts(lengths=lengths, training=True, fuse=False, **options)
    before = net.buffers.flat.copy()
    y, after, tape = forward_layers(net.layers, network_input(x, contexts[0]), states, contexts)
    net.buffers.flat[...] = before
    return y, after, tape


def directions(net: Network, where: str, direction: Mapping[str, Array] | Array) -> Views:
    """Return the directions of all parameters by name, from a mapping or a flat array (P,)."""
    if isinstance(direction, Mapping):
        if set(direction) != set(net.params):
            _check.fail(where, f"direction has the names {sorted(direction)}", f"{sorted(net.params)}")
        for name, value in net.params.items():
            _check.arrays(where, "parameter: any ...", value)
            _check.shape(where, f"direction[{name!r}]", direction[name], value.shape, "as the network has it")
        direction = np.concatenate([np.ravel(direction[name]) for name in net.params] or [net.flat])
    _check.array(where, "direction", direction)
    _check.shape(where, "direction", direction, net.flat.shape, "one number for each parameter")
    _check.floats(where, net=net.flat, direction=direction)
    return Views(net.params.shapes, direction)


def direction_of_input(net: Network, where: str, x: Array, x_dot: Array | None) -> AnyArray:
    """Return the direction of x: zero by default, None for symbols."""
    if net.symbols is not None:
        if x_dot is not None:
            _check.fail(where, "x_dot is set", "None", "because x holds symbols, which have no direction")
        return None
    if x_dot is None:
        return np.zeros_like(x)
    _check.arrays(where, "x: T B D, x_dot: T B D", x, x_dot)
    return x_dot
