"""Gated recurrent unit (Cho et al. 2014, arXiv:1406.1078), with the reset gate as in cuDNN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .. import init
from .._types import AnyArray, Record, State
from .base import Parameter
from .cell import Cell
from .context import Context
from .fusion import split_gradient


@dataclass(frozen=True)
class GRU(Cell):
    """Gated recurrent unit with the reset gate applied after the recurrent product.

    Parameters
    ----------
    input_size, hidden_size : int
        Number of inputs D and of units H.
    input_init : str or float
        Initial W: "glorot" or a standard deviation (init.input_matrix).
    reverse : bool
        Run from each sample's last step to its first.

    Notes
    -----
    n_t = tanh(W_n x_t + b_n + r_t ⊙ (U_n h_{t-1} + c_n))
    h_t = (1 - z_t) ⊙ n_t + z_t ⊙ h_{t-1}

    Cho et al. 2014, arXiv:1406.1078; ops/gru has the equations of the gates r and z.

    Maps x (T, B, D) to y (T, B, H). The learned arrays are W (3 H, D), U (3 H, H), b (3 H,) and
    c (3 H,), with rows in the order r, z, n. Each gate's block of U is initially orthogonal. The
    state is the last hidden state (B, H): pass it to the next window. None starts from zero.
    """

    gates: ClassVar[int] = 3
    needs: ClassVar[tuple[str, ...]] = ("gru",)

    input_size: int
    hidden_size: int
    input_init: str | float = "glorot"
    reverse: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_sizes()

    @property
    def kept_size(self) -> int:
        return 5 * self.hidden_size  # h, three gates, and U_n h + c_n

    def parameters(self, steps: int | None) -> dict[str, Parameter]:
        weights = self._weights()
        return weights | {"c": Parameter(weights["b"].shape, init.constant(0.0))}

    def forward(self, x: AnyArray, state: State, ctx: Context) -> tuple[AnyArray, State, Record]:
        h0 = self._start(x, state, ctx)
        h, gates = ctx.ops.gru.forward(
            x, *(ctx.param(name) for name in "WUbc"), h0, ctx.run.lengths, self.reverse, ctx
        )
        return h[1:], self._last(h, ctx), (x, h, gates)

    def backward(
        self, dy: AnyArray, tape: Record, dstate: State, ctx: Context
    ) -> tuple[AnyArray, State, dict[str, AnyArray]]:
        (x, h, gates), (dh, dhT) = tape, split_gradient(dy, dstate, self.reverse, ctx)
        dx, dW, dU, db, dc, dh0 = ctx.ops.gru.backward(
            dh, x, h, gates, ctx.param("W"), ctx.param("U"), dhT, ctx.run.lengths, self.reverse, ctx.scratch,
            self._probe(ctx),
        )  # fmt: skip
        return dx, dh0, {"W": dW, "U": dU, "b": db, "c": dc}

    def tangent(
        self, x_dot: AnyArray, tape: Record, state_dot: State, ctx: Context
    ) -> tuple[AnyArray, State, Record]:
        x, h, gates = tape
        h0_dot = self._initial_direction(h[0], state_dot, ctx)
        h_dot = ctx.ops.tangent("gru")(
            x_dot, x, h, gates, ctx.param("W"), ctx.param("U"), *(ctx.direction(name) for name in "WUbc"), h0_dot,
            ctx.run.lengths, self.reverse,
        )  # fmt: skip
        return h_dot[1:], self._last(h_dot, ctx), None
