"""Recurrent layer with a full recurrent matrix (Elman 1990)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .. import _check, init
from .._types import AnyArray, Record, State
from ..ops.recurrence.activation import ACTIVATIONS
from .base import Parameter
from .cell import Cell
from .context import Context
from .fusion import split_gradient


@dataclass(frozen=True)
class RNN(Cell):
    """Recurrent layer with a full recurrent matrix, for comparison with the IndRNN.

    Parameters
    ----------
    input_size, hidden_size : int
        Number of inputs D and of units H.
    activation : str
        φ: "relu", "tanh", "sigmoid" or "identity".
    recurrent_init : str or float
        Initial U: "orthogonal", "identity" or a multiple of the identity (init.recurrent_matrix).
    input_init : str or float
        Initial W: "glorot" or a standard deviation (init.input_matrix).
    reverse : bool
        Run from each sample's last step to its first.

    Notes
    -----
    h_t = φ(W x_t + U h_{t-1} + b)

    Maps x (T, B, D) to y (T, B, H). The learned arrays are W (H, D), U (H, H) and b (H,). The state
    is the last hidden state (B, H): pass it to the next window. None starts from zero.

    The IRNN (Le et al. 2015, arXiv:1504.00941) is
    `RNN(D, H, "relu", recurrent_init="identity", input_init=0.001)`.
    """

    gates: ClassVar[int] = 1
    needs: ClassVar[tuple[str, ...]] = ("rnn",)

    input_size: int
    hidden_size: int
    activation: str = "tanh"
    recurrent_init: str | float = "orthogonal"
    input_init: str | float = "glorot"
    reverse: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_sizes()
        _check.choice("RNN", "activation", self.activation, ACTIVATIONS)
        if isinstance(self.recurrent_init, str):
            _check.choice("RNN", "recurrent_init", self.recurrent_init, init.MATRIX)
        else:
            _check.finite_number("RNN", "recurrent_init", self.recurrent_init)

    def parameters(self, steps: int | None) -> dict[str, Parameter]:
        return self._weights(self.recurrent_init)

    def forward(self, x: AnyArray, state: State, ctx: Context) -> tuple[AnyArray, State, Record]:
        h0, (W, U, b) = self._start(x, state, ctx), (ctx.param(name) for name in "WUb")
        h = ctx.ops.rnn.forward(x, W, U, b, h0, self.activation, ctx.run.lengths, self.reverse, ctx)
        return h[1:], self._last(h, ctx), (x, h)

    def backward(
        self, dy: AnyArray, tape: Record, dstate: State, ctx: Context
    ) -> tuple[AnyArray, State, dict[str, AnyArray]]:
        (x, h), (dh, dhT) = tape, split_gradient(dy, dstate, self.reverse, ctx)
        dx, dW, dU, db, dh0 = ctx.ops.rnn.backward(
            dh, x, h, ctx.param("W"), ctx.param("U"), dhT, self.activation, ctx.run.lengths, self.reverse, ctx.scratch,
            self._probe(ctx),
        )  # fmt: skip
        return dx, dh0, {"W": dW, "U": dU, "b": db}

    def tangent(
        self, x_dot: AnyArray, tape: Record, state_dot: State, ctx: Context
    ) -> tuple[AnyArray, State, Record]:
        (x, h), h0_dot = tape, self._initial_direction(tape[1][0], state_dot, ctx)
        h_dot = ctx.ops.tangent("rnn")(
            x_dot, x, h, ctx.param("W"), ctx.param("U"), *(ctx.direction(name) for name in "WUb"), h0_dot,
            self.activation, ctx.run.lengths, self.reverse,
        )  # fmt: skip
        return h_dot[1:], self._last(h_dot, ctx), (x_dot, h_dot)

    def rectified(self, tape: Record) -> list[AnyArray]:
        return [tape[1][1:]] if ACTIVATIONS[self.activation].rectified else []
