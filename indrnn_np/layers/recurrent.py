"""Base classes of the recurrent layers: initial state, probe, sizes, recurrent weight u, and scan over time."""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

from .. import _check, init
from .._types import AnyArray, Function, Probe, State
from ..ops.recurrence.activation import ACTIVATIONS
from ..ops.recurrence.scan import chunk_length
from . import time_table
from .base import Layer, Parameter
from .context import Context


class Recurrent(Layer):
    """Base class of layers with a hidden state (B, H); a subclass has the field `reverse`."""

    reverse: bool

    @property
    def causal(self) -> bool:  # type: ignore[override]
        return not self.reverse

    def _initial(self, x: AnyArray, state: State, units: int, ctx: Context, learned: bool = False) -> State:
        """Return the initial state: `state`, the parameter h0 for every sample, or zero."""
        where, shape = f"{type(self).__name__}.forward", (x.shape[1], units)
        if state is not None:
            _check.arrays(where, "x: any T B D, state: any B units", x, state, units=units)
            return state
        if not learned:
            return ctx.ops.device.zeros(shape, ctx.dtype)
        h0 = ctx.ops.device.empty(shape, ctx.dtype)
        ctx.ops.rows.spread(ctx.param("h0"), h0)
        return h0

    def _initial_direction(
        self, like: AnyArray, state_dot: State, ctx: Context, learned: bool = False
    ) -> AnyArray:
        """Return the direction (B, H) of the initial state: `state_dot`, that of h0, or zero."""
        if state_dot is not None:
            _check.arrays(f"{type(self).__name__}.tangent", "h0: any B H, state_dot: B H", like, state_dot)
            return state_dot
        h0_dot = ctx.ops.device.zeros(like.shape, like.dtype)
        if learned:
            ctx.ops.rows.spread(ctx.direction("h0"), h0_dot)
        return h0_dot

    def _probe(self, ctx: Context) -> AnyArray:
        """Return the probe of the pass with this layer's name as its first argument, or None."""
        if ctx.run.probe is None:
            return None
        return _NamedProbe(ctx.prefix.rstrip("."), ctx.run.probe)


class _NamedProbe:
    """Probe that calls the user's probe with the name of the layer."""

    def __init__(self, name: str, probe: Probe) -> None:
        self.name, self.probe = name, probe
        self.any_thread = getattr(probe, "any_thread", False)

    def __call__(self, t0: int, t1: int, dh: AnyArray, da: AnyArray) -> None:
        self.probe(self.name, t0, t1, dh, da)


class Projecting(Recurrent):
    """Base class of recurrent layers with input weights, from D inputs to H units."""

    input_size: int
    hidden_size: int

    def _check_sizes(self) -> None:
        where = type(self).__name__
        _check.at_least(where, "input_size", self.input_size, 1)
        _check.at_least(where, "hidden_size", self.hidden_size, 1)

    @property
    def inputs(self) -> int:
        return self.input_size

    @property
    def outputs(self) -> int:
        return self.hidden_size

    @property
    def state_size(self) -> int:
        return self.hidden_size


class Scan(NamedTuple):
    """The recurrence as a scan over time, with the signatures of ops/recurrence."""

    forward: Function[AnyArray]
    backward: Function[tuple[AnyArray, AnyArray, AnyArray]]


class Independent(Recurrent):
    """Base class of layers with a single recurrent weight for each neuron: u (H,)."""

    activation: str
    recurrent_init: str | float
    gamma: float
    constrain: bool
    time: str

    def _check_recurrence(self) -> None:
        where = type(self).__name__
        _check.choice(where, "activation", self.activation, ACTIVATIONS)
        _check.choice(where, "time", self.time, time_table.TIMES)
        _check.at_least(where, "gamma", self.gamma, 0.0, strictly=True)
        if isinstance(self.recurrent_init, str):
            _check.choice(where, "recurrent_init", self.recurrent_init, init.RECURRENT)
        else:
            _check.finite_number(where, "recurrent_init", self.recurrent_init)

    def scan(self, x: AnyArray, ctx: Context) -> Scan | None:
        """Return the scan over time for a pass of x (T, B, D), or None if the recurrence is serial.

        Complex numbers, which complex steps use, have no scan.
        """
        if self.time == time_table.SERIAL or ctx.dtype.kind == "c":
            return None
        steps, columns = ctx.run.sequence_length or x.shape[0], x.shape[1] * self.state_size
        if self.time == time_table.AUTO:
            chosen = time_table.shipped().choice(ctx.ops.name, self.activation, steps, columns)
            if chosen == time_table.SERIAL:
                return None
        recurrence, chunk = ctx.ops.parallel("recurrence"), chunk_length(steps, columns)
        return Scan(partial(recurrence.forward, chunk=chunk), partial(recurrence.backward, chunk=chunk))

    def bounds(self, steps: int | None) -> dict[str, float]:
        return {"u": init.recurrent_bound(self.activation, self.gamma, steps)} if self.constrain else {}

    def _recurrent_weight(self, units: int, steps: int | None) -> Parameter:
        """Return u with its initialiser, whose values are within the bound if T is known."""
        bounded = self.constrain or (steps is not None and self.recurrent_init != "ones")
        bound = init.recurrent_bound(self.activation, self.gamma, steps) if bounded else math.inf
        return Parameter((units,), init.recurrent(self.recurrent_init, bound, self.gamma, steps))
