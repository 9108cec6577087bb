"""Long short-term memory (LSTM) with a forget gate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .. import _check
from .._types import AnyArray, Record, State, StateForm
from .base import ARRAY, Parameter
from .cell import Cell
from .context import Context
from .fusion import split_gradient


@dataclass(frozen=True)
class LSTM(Cell):
    """Long short-term memory with a forget gate.

    Parameters
    ----------
    input_size, hidden_size : int
        Number of inputs D and of units H.
    input_init : str or float
        Initial W: "glorot" or a standard deviation (init.input_matrix).
    forget_bias : float
        Initial bias of the forget gate. At 1 the cell keeps most of its state from the first
        iteration on (Gers et al. 2000; Jozefowicz et al. 2015). The other biases are initially 0.
    reverse : bool
        Run from each sample's last step to its first.

    Notes
    -----
    [i_t f_t g_t o_t] = [σ σ tanh σ](W x_t + U h_{t-1} + b)
    c_t = f_t ⊙ c_{t-1} + i_t ⊙ g_t
    h_t = o_t ⊙ tanh c_t

    Hochreiter & Schmidhuber 1997; forget gate: Gers, Schmidhuber & Cummins 2000 (ops/lstm).

    Maps x (T, B, D) to y (T, B, H). The learned arrays are W (4 H, D), U (4 H, H) and b (4 H,),
    with rows in the order i, f, g, o. Each gate's block of U is initially orthogonal. The state is
    a pair (h, c) of arrays (B, H): pass it to the next window. None starts from zero.
    """

    gates: ClassVar[int] = 4
    needs: ClassVar[tuple[str, ...]] = ("lstm",)

    input_size: int
    hidden_size: int
    input_init: str | float = "glorot"
    forget_bias: float = 1.0
    reverse: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_sizes()
        _check.finite_number("LSTM", "forget_bias", self.forget_bias)

    @property
    def state_size(self) -> int:
        return 2 * self.hidden_size

    @property
    def state_form(self) -> StateForm:
        return ARRAY, ARRAY

    @property
    def kept_size(self) -> int:
        return 6 * self.hidden_size  # h, c and four gates

    def parameters(self, steps: int | None) -> dict[str, Parameter]:
        weights = self._weights()
        return weights | {"b": Parameter(weights["b"].shape, self._biases)}

    def forward(self, x: AnyArray, state: State, ctx: Context) -> tuple[AnyArray, State, Record]:
        h0, c0 = (self._start(x, part, ctx) for part in ((None, None) if state is None else state))
        h, c, gates = ctx.ops.lstm.forward(
            x, *(ctx.param(name) for name in "WUb"), h0, c0, ctx.run.lengths, self.reverse, ctx
        )
        return h[1:], (self._last(h, ctx), self._last(c, ctx)), (x, h, c, gates)

    def backward(
        self, dy: AnyArray, tape: Record, dstate: State, ctx: Context
    ) -> tuple[AnyArray, State, dict[str, AnyArray]]:
        dh_last, dcT = (None, None) if dstate is None else dstate
        (x, h, c, gates), (dh, dhT) = tape, split_gradient(dy, dh_last, self.reverse, ctx)
        dx, dW, dU, db, dh0, dc0 = ctx.ops.lstm.backward(
            dh, x, h, c, gates, ctx.param("W"), ctx.param("U"), dhT, dcT, ctx.run.lengths, self.reverse, ctx.scratch,
            self._probe(ctx),
        )  # fmt: skip
        return dx, (dh0, dc0), {"W": dW, "U": dU, "b": db}

    def tangent(
        self, x_dot: AnyArray, tape: Record, state_dot: State, ctx: Context
    ) -> tuple[AnyArray, State, Record]:
        x, h, c, gates = tape
        parts = (None, None) if state_dot is None else state_dot
        starts = (
            self._initial_direction(like[0], part, ctx) for like, part in zip((h, c), parts, strict=True)
        )
        h_dot, c_dot = ctx.ops.tangent("lstm")(
            x_dot, x, h, c, gates, ctx.param("W"), ctx.param("U"), *(ctx.direction(name) for name in "WUb"), *starts,
            ctx.run.lengths, self.reverse,
        )  # fmt: skip
        return h_dot[1:], (self._last(h_dot, ctx), self._last(c_dot, ctx)), None

    def _biases(self, rng: np.random.Generator, shape: tuple[int, ...]) -> AnyArray:
        """Return the initial b."""
        b = np.zeros((self.gates, self.hidden_size))
        b[1] = self.forget_bias
        return b.reshape(shape)
