"""What layers that walk through time share: the initial state, the gradient on the last one, the probe, and u."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _check, init
from ..ops.recurrence import ACTIVATIONS
from .base import Context, LastRow, Layer, Parameter


class Recurrent(Layer):
    """A layer whose state (B, H) goes on from step to step; a subclass has the field `reverse`."""

    reverse: bool

    @property
    def causal(self) -> bool:  # type: ignore[override]
        return not self.reverse

    def _initial(self, x: np.ndarray, state: Any, units: int, ctx: Context, learned: bool = False) -> Any:
        """The state before the first step: the one given, the parameter h0 for every sample, or zero."""
        where, shape = f"{type(self).__name__}.forward", (x.shape[1], units)
        if state is not None:
            _check.array(where, "state", state, 2, "(B, H)")
            _check.matches(where, "state", state, shape, "x", x)
            return state
        h0 = ctx.ops.empty(shape, ctx.dtype)
        if learned:
            ctx.ops.rows.spread(ctx.param("h0"), h0)
        else:
            ctx.ops.rows.fill(h0, 0)
        return h0

    def _arriving(self, dy: Any, dstate: Any, ctx: Context) -> tuple[Any, Any]:
        """The gradients on the outputs (T, B, H), None if there is none, and on the last state (B, H)."""
        if not isinstance(dy, LastRow):
            return dy, dstate
        if self.reverse or (ctx.lengths is not None and (ctx.lengths == 0).any()):
            return ctx.dense(dy), dstate  # the last row is not the last state
        if ctx.probe is not None:
            return ctx.dense(dy), dstate  # a probe sees what arrives at outputs, and nothing else
        return None, dy.row if dstate is None else ctx.ops.rows.add(dy.row, dstate)

    def _probe(self, ctx: Context) -> Any:
        """The pass's probe under this layer's name."""
        if ctx.probe is None:
            return None
        return _Named(ctx.prefix.rstrip("."), ctx.probe)


class _Named:
    """A probe that is told the layer's name."""

    def __init__(self, name: str, probe: Any) -> None:
        self.name, self.probe = name, probe
        self.any_thread = getattr(probe, "any_thread", False)

    def __call__(self, t0: int, t1: int, dh: Any, da: Any) -> None:
        self.probe(self.name, t0, t1, dh, da)


class Projecting(Recurrent):
    """A recurrent layer with input weights, from `input_size` inputs to `hidden_size` units."""

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


class Independent(Recurrent):
    """A recurrent layer whose neurons have one recurrent weight each: u (H,), its start and its bound."""

    activation: str
    recurrent_init: str | float
    gamma: float
    constrain: bool

    def _check_recurrence(self) -> None:
        where = type(self).__name__
        _check.choice(where, "activation", self.activation, ACTIVATIONS)
        if isinstance(self.recurrent_init, str):
            _check.choice(where, "recurrent_init", self.recurrent_init, init.RECURRENT)

    def bounds(self, steps: int | None) -> dict[str, float]:
        return {"u": init.recurrent_bound(self.activation, self.gamma, steps)} if self.constrain else {}

    def _recurrent_weight(self, units: int, steps: int | None) -> Parameter:
        """u as it starts: within the bound, also if training does not keep it there, where T tells what it is."""
        bounded = self.constrain or (steps is not None and self.recurrent_init != "ones")
        bound = init.recurrent_bound(self.activation, self.gamma, steps) if bounded else math.inf
        return Parameter((units,), init.recurrent(self.recurrent_init, bound, self.gamma, steps))


class Named:
    """A layer's own workspace, as ops expect it (`work=`)."""

    def __init__(self, ctx: Context) -> None:
        self.array = ctx.array
