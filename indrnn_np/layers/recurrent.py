"""Base classes of the recurrent layers: initial state, probe, sizes, recurrent weight u, and scan over time."""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

import numpy as np

from .. import _check, init
from .._types import AnyArray, Function, Probe, State
from ..ops.recurrence.activation import ACTIVATIONS
from ..ops.recurrence.scan import chunk_length
from . import recurrent_weight, time_table
from .base import Layer, Parameter
from .context import Context
from .recurrent_weight import EXP, PROJECTED


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
    """Base class of layers with a single recurrent weight for each neuron: u (H,).

    The parameter is u, or ν with `u_form="exp"` (recurrent_weight.py).
    """

    activation: str
    recurrent_init: str | float
    gamma: float
    constrain: bool
    time: str
    u_form: str

    def _check_recurrence(self) -> None:
        where = type(self).__name__
        _check.choice(where, "activation", self.activation, ACTIVATIONS)
        _check.choice(where, "time", self.time, time_table.TIMES)
        _check.choice(where, "u_form", self.u_form, recurrent_weight.FORMS)
        _check.at_least(where, "gamma", self.gamma, 0.0, strictly=True)
        if isinstance(self.recurrent_init, str):
            _check.choice(where, "recurrent_init", self.recurrent_init, init.RECURRENT)
        else:
            _check.finite_number(where, "recurrent_init", self.recurrent_init)
        if self.u_form == EXP:
            recurrent_weight.check(where, self.recurrent_init, self.constrain)

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

    def weight_bounds(self, steps: int | None) -> dict[str, float]:
        return {"u": self._bound(steps)} if self.constrain else {}

    def bounds(self, steps: int | None) -> dict[str, float]:
        return self.weight_bounds(steps) if self.u_form == PROJECTED else {}

    @property
    def weight_name(self) -> str:
        """Name of the parameter: "u" or "nu"."""
        return "u" if self.u_form == PROJECTED else "nu"

    def weight(self, ctx: Context) -> AnyArray:
        """Return u (H,)."""
        if self.u_form == PROJECTED:
            return ctx.param("u")
        if ctx.ops.device.arrays is not np.ndarray:
            where, problem = type(self).__name__, f"the backend is {ctx.ops.name!r} with u_form={EXP!r}"
            because = "because u = bound exp(-exp ν) has no kernel for a GPU"
            _check.fail(where, problem, f"'cpu' or 'reference', or u_form={PROJECTED!r}", because)
        return recurrent_weight.weight(ctx.param("nu"), self._bound(ctx.steps))

    def weight_slope(self, ctx: Context) -> AnyArray | float:
        """Return du/dν (H,), or 1 if u is the parameter."""
        if self.u_form == PROJECTED:
            return 1.0
        return recurrent_weight.slope(ctx.param("nu"), self._bound(ctx.steps))

    def weight_gradient(self, du: AnyArray, ctx: Context) -> dict[str, AnyArray]:
        """Return the gradient of the parameter by its name, from du (..., H)."""
        return {self.weight_name: du if self.u_form == PROJECTED else self.weight_slope(ctx) * du}

    def weight_direction(self, ctx: Context) -> AnyArray:
        """Return the direction of u (H,), from that of the parameter."""
        if self.u_form == PROJECTED:
            return ctx.direction("u")
        return self.weight_slope(ctx) * ctx.direction("nu")

    def weight_slope_direction(self, ctx: Context) -> AnyArray:
        """Return the derivative of du/dν (H,) along the direction of ν."""
        return recurrent_weight.curvature(ctx.param("nu"), self._bound(ctx.steps)) * ctx.direction("nu")

    def _bound(self, steps: int | None) -> float:
        return init.recurrent_bound(self.activation, self.gamma, steps)

    def _weight_parameter(self, units: int, steps: int | None) -> dict[str, Parameter]:
        """Return u or ν with its initialiser. The initial u is within the bound if T is known."""
        if self.u_form == EXP:
            recurrent_weight.check_steps(type(self).__name__, self.gamma, steps)
        bounded = self.constrain or (steps is not None and self.recurrent_init != "ones")
        bound = self._bound(steps) if bounded else math.inf
        weights = init.recurrent(self.recurrent_init, bound, self.gamma, steps)
        if self.u_form == PROJECTED:
            return {"u": Parameter((units,), weights)}
        recurrent_weight.check_within(type(self).__name__, self.recurrent_init, bound)
        return {"nu": Parameter((units,), recurrent_weight.initial(weights, bound), drawn_as="u")}
