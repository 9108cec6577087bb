"""Recurrence without input weights, for stacks with a layer between W and the recurrence."""

from __future__ import annotations

from dataclasses import dataclass

from .. import _check
from .._types import AnyArray, Record, State
from ..ops.recurrence.activation import ACTIVATIONS
from .base import Parameter, sequence
from .context import Context
from .fusion import split_gradient
from .recurrent import Independent
from .recurrent_weight import PROJECTED
from .time_table import SERIAL


@dataclass(frozen=True)
class Recurrence(Independent):
    """IndRNN without W and b.

    Parameters
    ----------
    size : int
        Number of units H.
    activation : str
        φ: "relu", "tanh", "sigmoid" or "identity".
    recurrent_init, gamma, constrain, reverse, time, u_form
        As in IndRNN.

    Notes
    -----
    h_t = φ(x_t + u ⊙ h_{t-1})

    Li et al. 2018, arXiv:1803.04831, figure 1.

    x and y are (T, B, H). The learned array is u (H,) or nu (H,). The state is the last hidden state (B, H):
    pass it to the next window. None starts from zero.
    """

    size: int
    activation: str = "relu"
    recurrent_init: str | float = "uniform"
    gamma: float = 2.0
    constrain: bool = True
    reverse: bool = False
    time: str = SERIAL
    u_form: str = PROJECTED

    def __post_init__(self) -> None:
        super().__post_init__()
        _check.at_least("Recurrence", "size", self.size, 1)
        self._check_recurrence()

    @property
    def inputs(self) -> int:
        return self.size

    @property
    def state_size(self) -> int:
        return self.size

    def parameters(self, steps: int | None) -> dict[str, Parameter]:
        return self._weight_parameter(self.size, steps)

    def forward(self, x: AnyArray, state: State, ctx: Context) -> tuple[AnyArray, State, Record]:
        sequence("Recurrence.forward", x, self.size)
        T, B, _ = x.shape
        recurrence = self.scan(x, ctx) or ctx.ops.recurrence
        h = recurrence.forward(
            x, self.weight(ctx), self._initial(x, state, self.size, ctx), self.activation, ctx.run.lengths,
            self.reverse, ctx.array("h", (T + 1, B, self.size)),
        )  # fmt: skip
        return h[1:], ctx.ops.recurrence.last(h, ctx.run.lengths, self.reverse), h

    def backward(
        self, dy: AnyArray, tape: Record, dstate: State, ctx: Context
    ) -> tuple[AnyArray, State, dict[str, AnyArray]]:
        h, (dh, dhT) = tape, split_gradient(dy, dstate, self.reverse, ctx)
        T, B, _ = h.shape
        recurrence = self.scan(h[1:], ctx) or ctx.ops.recurrence
        da, du, dh0 = recurrence.backward(
            dh, h, self.weight(ctx), dhT, self.activation, ctx.run.lengths, self.reverse,
            ctx.scratch.array("dx", (T - 1, B, self.size)),
        )  # fmt: skip
        probe = self._probe(ctx)
        if probe is not None:
            probe(0, T - 1, dh, da)
        return da, dh0, self.weight_gradient(du, ctx)

    def tangent(
        self, x_dot: AnyArray, tape: Record, state_dot: State, ctx: Context
    ) -> tuple[AnyArray, State, Record]:
        h, h0_dot = tape, self._initial_direction(tape[0], state_dot, ctx)
        h_dot = ctx.ops.tangent("recurrence")(
            x_dot,
            h,
            self.weight(ctx),
            self.weight_direction(ctx),
            h0_dot,
            self.activation,
            ctx.run.lengths,
            self.reverse,
        )
        return h_dot[1:], ctx.ops.recurrence.last(h_dot, ctx.run.lengths, self.reverse), h_dot

    def rectified(self, tape: Record) -> list[AnyArray]:
        return [tape[1:]] if ACTIVATIONS[self.activation].rectified else []
