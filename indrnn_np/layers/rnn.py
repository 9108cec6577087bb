"""The recurrent layer whose neurons all see each other's last state (Elman 1990)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .. import _check, init
from ..ops.recurrence import ACTIVATIONS
from .base import Context, Parameter
from .cell import Cell
from .recurrent import Named


@dataclass(frozen=True)
class RNN(Cell):
    """h_t = φ(W x_t + U h_{t-1} + b), with U (H, H) a matrix: a rival of the IndRNN.

    Shapes     x (T, B, input_size) to y (T, B, hidden_size)
    Parameters W (H, D), U (H, H), b (H,)
    State      (B, H): the last state, given back as the initial state of the next window; None starts from zero

    The IRNN (Le et al. 2015, arXiv:1504.00941) is `RNN(D, H, "relu", recurrent_init="identity", input_init=0.001)`.

    Parameters
    ----------
    activation
        φ: "tanh", "relu", "sigmoid" or "identity".
    recurrent_init
        How U starts: "orthogonal", "identity" or a number times the identity (init.recurrent_matrix).
    input_init
        How W starts: "glorot" or a standard deviation (init.input_matrix).
    reverse
        Walk from each sample's last step to its first.
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
        self._check_sizes()
        _check.choice("RNN", "activation", self.activation, ACTIVATIONS)
        if isinstance(self.recurrent_init, str):
            _check.choice("RNN", "recurrent_init", self.recurrent_init, init.MATRIX)

    def parameters(self, steps: int | None) -> dict[str, Parameter]:
        return self._weights(self.recurrent_init)

    def forward(self, x: np.ndarray, state: Any, ctx: Context) -> tuple[np.ndarray, Any, Any]:
        h0, (W, U, b) = self._start(x, state, ctx), (ctx.param(name) for name in "WUb")
        h = ctx.ops.rnn.forward(x, W, U, b, h0, self.activation, ctx.lengths, self.reverse, Named(ctx))
        return h[1:], self._last(h, ctx), (x, h)

    def backward(
        self, dy: Any, tape: Any, dstate: Any, ctx: Context
    ) -> tuple[Any, Any, dict[str, np.ndarray]]:
        (x, h), (dh, dhT) = tape, self._arriving(dy, dstate, ctx)
        dx, dW, dU, db, dh0 = ctx.ops.rnn.backward(
            dh, x, h, ctx.param("W"), ctx.param("U"), dhT, self.activation, ctx.lengths, self.reverse, ctx.scratch,
            self._probe(ctx),
        )  # fmt: skip
        return dx, dh0, {"W": dW, "U": dU, "b": db}

    def rectified(self, tape: Any) -> list[Any]:
        return [tape[1][1:]] if self.activation == "relu" else []
