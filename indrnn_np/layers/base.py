"""Base class of all layers."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, NamedTuple

from .. import _check
from .._types import AnyArray, Array, Json, Record, State, StateForm, Value
from ..init import Initializer
from .context import Context

ARRAY, COUNT = "an array (B, H)", "a count of steps"  # kinds of state


class Parameter(NamedTuple):
    """Shape and initialiser of a parameter.

    Its random numbers depend on its name, or on the name `drawn_as` of the same layer if it is set.
    """

    shape: tuple[int, ...]
    init: Initializer
    drawn_as: str = ""


class Layer:
    """Base class of all layers; a subclass is a frozen dataclass of sizes and options.

    A subclass that defines `__post_init__` calls `super().__post_init__()`, which checks booleans.
    """

    causal: ClassVar[bool] = True  # step t of the output depends on no later step of the input
    stretches_over_time: ClassVar[bool] = False  # in training, each step of y depends on all steps of x
    reads_symbols: ClassVar[bool] = False  # x is (T, B) integers, which have no gradient
    fusion_role: ClassVar[str] = ""  # NORM, MASK or READER of fusion.py
    needs: ClassVar[tuple[str, ...]] = ()  # operations that some backends lack

    def __post_init__(self) -> None:
        _check.options(type(self).__name__, self)

    @property
    def inner(self) -> tuple[Layer, ...]:
        """Inner layers. Their names are their indices."""
        return ()

    @property
    def inputs(self) -> int | None:
        """Number of inputs D; None accepts any number."""
        return None

    @property
    def outputs(self) -> int | None:
        """Number of outputs H; None means as many as inputs."""
        return self.inputs

    @property
    def state_size(self) -> int:
        """Number of elements of the state for each sample, without the states of inner layers."""
        return 0

    @property
    def state_form(self) -> StateForm:
        """Kind of the state: ARRAY, COUNT, a tuple of kinds, or None for a layer without state."""
        return ARRAY if self.state_size else None

    @property
    def kept_size(self) -> int | None:
        """Elements that a training pass keeps for each sample and step; None means `outputs`."""
        return None

    def parameters(self, steps: int | None) -> dict[str, Parameter]:
        """Return the trainable arrays, named by the letters of the paper."""
        return {}

    def running(self, steps: int | None) -> dict[str, Array]:
        """Return the initial running statistics (float64), which a training pass updates."""
        return {}

    def bounds(self, steps: int | None) -> dict[str, float]:
        """Return the bounds on |parameter| that the projection enforces."""
        return {}

    def weight_bounds(self, steps: int | None) -> dict[str, float]:
        """Return the bounds on |u|, which the projection or the form of u enforces."""
        return self.bounds(steps)

    def forward(self, x: AnyArray, state: State, ctx: Context) -> tuple[AnyArray, State, Record]:
        """Return y, the state after the last step, and the tape for backward."""
        raise TypeError(f"{type(self).__name__}.forward: the class does not define it, expected a method")

    def backward(
        self, dy: AnyArray, tape: Record, dstate: State, ctx: Context
    ) -> tuple[AnyArray, State, dict[str, AnyArray]]:
        """Return dx, the gradient of the initial state, and the gradients of the parameters."""
        raise TypeError(f"{type(self).__name__}.backward: the class does not define it, expected a method")

    def tangent(
        self, x_dot: AnyArray, tape: Record, state_dot: State, ctx: Context
    ) -> tuple[AnyArray, State, Record]:
        """Return the derivatives of y and of the state after the last step, and a tape for second derivatives.

        `tape` is that of a training pass without fusion. The direction of a parameter is
        `ctx.direction(name)`; `state_dot` None is zero.
        """
        raise TypeError(f"{type(self).__name__}.tangent: the class does not define it, expected a method")

    def step(self, x_t: AnyArray, state: State, ctx: Context) -> tuple[AnyArray, State]:
        """Run one time step: return y_t (B, H) for x_t (B, D), and the new state."""
        if not self.causal:
            where, because = f"{type(self).__name__}.step", "to run one step at a time"
            _check.fail(where, "the layer reads later steps", "a causal layer", because)
        y, state, _ = self.forward(x_t.reshape(1, *x_t.shape), state, ctx)
        return y[0], state

    def rectified(self, tape: Record) -> list[AnyArray]:
        """Return the outputs (T, B, H) of piecewise linear activations; units above 0 are open."""
        return []

    def spec(self) -> Json:
        """Return the layer as JSON: its type and its options."""
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        values = {f.name: getattr(self, f.name) for f in fields}
        return {"type": type(self).__name__} | {name: _described(value) for name, value in values.items()}


def _described(value: Value) -> Value:
    """Return an option as JSON; layers are replaced by their specs."""
    if isinstance(value, tuple):
        return [_described(part) for part in value]
    return value.spec() if isinstance(value, Layer) else _check.as_json(value)


def sequence(where: str, x: AnyArray, size: int | None) -> None:
    """Check that x is a time-major sequence with `size` inputs."""
    _check.arrays(where, "x: any T B D", x)
    if size is not None and x.shape[2] != size:
        because = f"because the layer has {size} inputs"
        _check.fail(where, f"x has shape {x.shape}", f"(T, B, {size})", because)
