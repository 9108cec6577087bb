"""Layers that contain a chain F: its output is added to the input or concatenated with it."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass

from .. import _check
from .._types import AnyArray, Array, Record, State, StateForm
from . import fusion
from .base import Layer, Parameter, sequence
from .chain import (
    Tape,
    backward_layers,
    check_layers,
    forward_layers,
    gathered,
    named_layers,
    tangent_layers,
)
from .context import Context
from .laststep import LastStep


@dataclass(frozen=True)
class Container(Layer):
    """Base class of Residual and Concat: a chain F of layers, with parameters named `0.W`, ...

    The state is a tuple with one entry for each layer. Parameter gradients are added to
    `ctx.grads`.

    Parameters
    ----------
    layers : sequence of Layer
        Layers of F, from input to output; none of them may be a LastStep.
    """

    layers: Sequence[Layer]

    def __post_init__(self) -> None:
        super().__post_init__()
        name = type(self).__name__
        object.__setattr__(self, "layers", tuple(self.layers))
        check_layers(name, self.layers)
        for path, layer in named_layers(self.layers):
            if isinstance(layer, LastStep):
                because = "because F is combined with the input at every step"
                _check.fail(name, f"layers[{path}] is a LastStep", "layers that give every step", because)

    @functools.cached_property
    def fusion_plan(self) -> tuple[bool, ...]:
        """For each layer of F, whether it is a batch norm that a later layer of F can apply."""
        return fusion.plan(self.layers)

    @property
    def inner(self) -> tuple[Layer, ...]:
        return tuple(self.layers)

    @property
    def inputs(self) -> int | None:
        return next((layer.inputs for layer in self.layers if layer.inputs is not None), None)

    @property
    def state_form(self) -> StateForm:
        return tuple(layer.state_form for layer in self.layers)

    @property
    def causal(self) -> bool:  # type: ignore[override]
        return all(layer.causal for layer in self.layers)

    @property
    def stretches_over_time(self) -> bool:  # type: ignore[override]
        return any(layer.stretches_over_time for layer in self.layers)

    def parameters(self, steps: int | None) -> dict[str, Parameter]:
        return gathered(self.layers, "parameters", steps)

    def running(self, steps: int | None) -> dict[str, Array]:
        return gathered(self.layers, "running", steps)

    def bounds(self, steps: int | None) -> dict[str, float]:
        return gathered(self.layers, "bounds", steps)

    def weight_bounds(self, steps: int | None) -> dict[str, float]:
        return gathered(self.layers, "weight_bounds", steps)

    def rectified(self, tape: Record) -> list[AnyArray]:
        return [h for layer, t in zip(self.layers, tape.layers, strict=True) for h in layer.rectified(t)]

    def step(self, x_t: AnyArray, state: State, ctx: Context) -> tuple[AnyArray, State]:
        y_t, after = x_t, []
        for layer, before, context in zip(self.layers, self.states(state), self.contexts(ctx), strict=True):
            y_t, layer_state = layer.step(y_t, before, context)
            after.append(layer_state)
        return self._combine(x_t, y_t, None, ctx), tuple(after)

    def forward(self, x: AnyArray, state: State, ctx: Context) -> tuple[AnyArray, State, Record]:
        sequence(f"{type(self).__name__}.forward", x, self.inputs)
        y, after, tape = forward_layers(self.layers, x, self.states(state), self.contexts(ctx))
        out = ctx.array("y", (*x.shape[:2], self.outputs or x.shape[2]))
        return self._combine(x, y, out, ctx), after, tape

    def tangent(
        self, x_dot: AnyArray, tape: Record, state_dot: State, ctx: Context
    ) -> tuple[AnyArray, State, Record]:
        states = self.states(state_dot)
        y_dot, after, tape_dot = tangent_layers(self.layers, x_dot, tape, states, ctx.directions)
        return self._combine(x_dot, y_dot, None, ctx), after, tape_dot

    def contexts(self, ctx: Context) -> list[Context]:
        """Return the contexts of the inner layers for one pass."""
        return [
            dataclasses.replace(ctx.child(str(i)), fused=planned and fusion.fuses(ctx.ops, ctx.run))
            for i, planned in enumerate(self.fusion_plan)
        ]

    def states(self, state: State) -> Sequence[State]:
        """Return the states of the inner layers; all None at the start of a sequence."""
        return (None,) * len(self.layers) if state is None else state

    def _combine(self, x: AnyArray, y: AnyArray, out: AnyArray, ctx: Context) -> AnyArray:
        """Combine the input and the output of F, for a sequence or a single step."""
        raise TypeError(f"{type(self).__name__}._combine: the class does not define it, expected a method")

    def _backward(self, dy: AnyArray, tape: Tape, dstate: State, ctx: Context) -> tuple[AnyArray, State]:
        """Run the backward pass of F; return the gradients of its input and initial states."""
        return backward_layers(self.layers, dy, tape, dstate, ctx.run.probe, ctx.grads, f"{ctx.slot}.")


@dataclass(frozen=True)
class Residual(Container):
    """Add the input to the output of a chain F that has as many outputs as inputs.

    Parameters
    ----------
    layers : sequence of Layer
        Layers of F, from input to output; none of them may be a LastStep.

    Notes
    -----
    y = x + F(x)

    He et al. 2016, arXiv:1603.05027; Li et al. 2018, arXiv:1803.04831, figure 1 (b).

    x and y are (T, B, D). The state is a tuple with one entry for each inner layer.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        size = check_layers("Residual", self.layers)
        if size != self.inputs:
            because = "because the output is added to the input"
            _check.fail("Residual", f"the last layer has {size} outputs", f"{self.inputs}", because)

    def _combine(self, x: AnyArray, y: AnyArray, out: AnyArray, ctx: Context) -> AnyArray:
        return ctx.ops.rows.add(x, y, out)

    def backward(
        self, dy: AnyArray, tape: Record, dstate: State, ctx: Context
    ) -> tuple[AnyArray, State, dict[str, AnyArray]]:
        dy = ctx.dense(dy)
        dx, before = self._backward(dy, tape, dstate, ctx)
        # Add in place in a buffer of F. If F is inactive, dx is dy, which belongs to the caller.
        out = ctx.scratch.array("dx", dy.shape) if dx is dy else dx
        return ctx.ops.rows.add(dy, dx, out), before, {}


@dataclass(frozen=True)
class Concat(Container):
    """Concatenate the input with the output of a chain F.

    Parameters
    ----------
    layers : sequence of Layer
        Layers of F, from input to output; none of them may be a LastStep.

    Notes
    -----
    y_t = [x_t, F(x)_t]

    Huang et al. 2017, arXiv:1608.06993; Li et al. 2019, arXiv:1910.06251, section 4.

    Maps x (T, B, D) to y (T, B, D + K), where F has K outputs. The state is a tuple with one entry
    for each inner layer.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.inputs is None:
            expected = "at least one such as IndRNN(2, 128)"
            because = "because the number of outputs depends on it"
            _check.fail("Concat", "no layer has a fixed number of inputs", expected, because)

    @property
    def outputs(self) -> int:
        D = self.inputs or 0
        return D + (check_layers("Concat", self.layers) or D)

    def _combine(self, x: AnyArray, y: AnyArray, out: AnyArray, ctx: Context) -> AnyArray:
        return ctx.ops.rows.join(x, y, out)

    def backward(
        self, dy: AnyArray, tape: Record, dstate: State, ctx: Context
    ) -> tuple[AnyArray, State, dict[str, AnyArray]]:
        dy, D = ctx.dense(dy), self.inputs or 0
        T, B, H = dy.shape
        dx = ctx.ops.rows.part(dy, 0, D, ctx.scratch.array("dx", (T, B, D)))
        dy_inner = ctx.ops.rows.part(dy, D, H - D, ctx.scratch.array("dy of F", (T, B, H - D)))
        dx_inner, before = self._backward(dy_inner, tape, dstate, ctx)
        return ctx.ops.rows.add(dx, dx_inner, dx), before, {}
