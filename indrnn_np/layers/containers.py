"""Layers made of layers: a chain F whose output is added to its input, or put beside it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _check
from .base import Context, Layer, Parameter, read_lazily, sequence
from .chain import Tape, backward_layers, check_layers, forward_layers, gathered, named_layers
from .laststep import LastStep


@dataclass(frozen=True)
class Container(Layer):
    """What both have in common: the chain F of `layers`, whose parameters are named by number, as `0.W`.

    The state is a tuple, one entry a layer. Gradients of the parameters go straight to the network's (`ctx.grads`).

    Parameters
    ----------
    layers
        The layers of F, from input to output; none of them may be a LastStep.
    """

    layers: Sequence[Layer]

    def __post_init__(self) -> None:
        name = type(self).__name__
        object.__setattr__(self, "layers", tuple(self.layers))
        check_layers(name, self.layers)
        for place, layer in named_layers(self.layers):
            if isinstance(layer, LastStep):
                _check.fail(name, f"layers[{place}] is a LastStep", "layers that give every step",
                            "because F stands beside the input of every step")  # fmt: skip

    @property
    def inner(self) -> tuple[Layer, ...]:
        return tuple(self.layers)

    @property
    def inputs(self) -> int | None:
        return next((layer.inputs for layer in self.layers if layer.inputs is not None), None)

    @property
    def causal(self) -> bool:  # type: ignore[override]
        return all(layer.causal for layer in self.layers)

    @property
    def stretches_over_time(self) -> bool:  # type: ignore[override]
        return any(layer.stretches_over_time for layer in self.layers)

    def parameters(self, steps: int | None) -> dict[str, Parameter]:
        return gathered(self.layers, "parameters", steps)

    def running(self, steps: int | None) -> dict[str, np.ndarray]:
        return gathered(self.layers, "running", steps)

    def bounds(self, steps: int | None) -> dict[str, float]:
        return gathered(self.layers, "bounds", steps)

    def rectified(self, tape: Any) -> list[Any]:
        return [h for layer, t in zip(self.layers, tape.layers, strict=True) for h in layer.rectified(t)]

    def step(self, x_t: np.ndarray, state: Any, ctx: Context) -> tuple[np.ndarray, Any]:
        y_t, after = x_t, []
        for layer, before, context in zip(self.layers, self.states(state), self.contexts(ctx), strict=True):
            y_t, state_of = layer.step(y_t, before, dataclasses.replace(context, lazy=False))
            after.append(state_of)
        return self._meet(x_t, y_t, None, ctx), tuple(after)

    def forward(self, x: np.ndarray, state: Any, ctx: Context) -> tuple[np.ndarray, Any, Any]:
        sequence(f"{type(self).__name__}.forward", x, self.inputs)
        y, after, tape = forward_layers(self.layers, x, self.states(state), self.contexts(ctx))
        out = ctx.array("y", (*x.shape[:2], self.outputs or x.shape[2]))
        return self._meet(x, y, out, ctx), after, tape

    def contexts(self, ctx: Context) -> list[Context]:
        """What the layers inside get for one pass."""
        lazy = [ctx.ops.normalises and read_lazily(self.layers, i) for i in range(len(self.layers))]
        return [dataclasses.replace(ctx.child(str(i)), lazy=may) for i, may in enumerate(lazy)]

    def states(self, state: Any) -> Sequence[Any]:
        """The states of the layers inside; None for each at a start."""
        if state is None:
            return (None,) * len(self.layers)
        if len(state) != len(self.layers):
            _check.fail(f"{type(self).__name__}.forward", f"state has {len(state)} entries", f"{len(self.layers)}",
                        "one for each layer inside")  # fmt: skip
        return state

    def _meet(self, x: np.ndarray, y: np.ndarray, out: Any, ctx: Context) -> np.ndarray:
        """Return y of the whole out of the input and F's output, for a sequence or one step."""
        raise TypeError(f"{type(self).__name__} does not define _meet")

    def _through(self, dy: Any, tape: Tape, dstate: Any, ctx: Context) -> tuple[Any, Any]:
        """Carry the gradient of F's output to F's input and to the states before, below this layer's own slot."""
        return backward_layers(self.layers, dy, tape, dstate, ctx.probe, ctx.grads, f"{ctx.slot}.")


@dataclass(frozen=True)
class Residual(Container):
    """y = x + F(x), F a chain of layers with as many outputs as inputs (He et al. 2016, arXiv:1603.05027; with
    IndRNNs Li et al. 2018, arXiv:1803.04831, figure 1 (b)).

    Shapes     x (T, B, D) to y (T, B, D)
    State      a tuple, one entry for each layer inside
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        size = check_layers("Residual", self.layers)
        if size != self.inputs:
            _check.fail("Residual", f"the last of its layers has {size} outputs", f"{self.inputs}",
                        "as many as the first has inputs, because both are added")  # fmt: skip

    def _meet(self, x: np.ndarray, y: np.ndarray, out: Any, ctx: Context) -> np.ndarray:
        return ctx.ops.rows.add(x, y, out)

    def backward(
        self, dy: Any, tape: Any, dstate: Any, ctx: Context
    ) -> tuple[Any, Any, dict[str, np.ndarray]]:
        dy = ctx.dense(dy)
        through, before = self._through(dy, tape, dstate, ctx)
        # Added where F's layers wrote; if none did, dy is still that of the layer above, or the caller's.
        out = ctx.scratch.array("dx", dy.shape) if through is dy else through
        return ctx.ops.rows.add(dy, through, out), before, {}


@dataclass(frozen=True)
class Concat(Container):
    """y_t = [x_t, F(x)_t], the input with F's output beside it (Huang et al. 2017, arXiv:1608.06993; with IndRNNs Li
    et al. 2019, arXiv:1910.06251, section 4).

    Shapes     x (T, B, D) to y (T, B, D + K) for F with K outputs
    State      a tuple, one entry for each layer inside
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.inputs is None:
            _check.fail("Concat", "no layer says how many inputs it has", "one that does, such as IndRNN(2, 128)",
                        "because the output has as many neurons more")  # fmt: skip

    @property
    def outputs(self) -> int:
        D = self.inputs or 0
        return D + (check_layers("Concat", self.layers) or D)

    def _meet(self, x: np.ndarray, y: np.ndarray, out: Any, ctx: Context) -> np.ndarray:
        return ctx.ops.rows.join(x, y, out)

    def backward(
        self, dy: Any, tape: Any, dstate: Any, ctx: Context
    ) -> tuple[Any, Any, dict[str, np.ndarray]]:
        dy, D = ctx.dense(dy), self.inputs or 0
        T, B, H = dy.shape
        dx = ctx.ops.rows.part(dy, 0, D, ctx.scratch.array("dx", (T, B, D)))
        beside = ctx.ops.rows.part(dy, D, H - D, ctx.scratch.array("beside", (T, B, H - D)))
        through, before = self._through(beside, tape, dstate, ctx)
        return ctx.ops.rows.add(dx, through, dx), before, {}
