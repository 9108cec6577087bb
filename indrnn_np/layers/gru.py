"""The gated recurrent unit (Cho et al. 2014, arXiv:1406.1078), its reset gate behind the product as in cuDNN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .. import init
from .base import Context, Parameter
from .cell import Cell
from .recurrent import Named


@dataclass(frozen=True)
class GRU(Cell):
    """h_t = (1 - z_t) ⊙ n_t + z_t ⊙ h_{t-1}, n_t = tanh(W_n x_t + b_n + r_t ⊙ (U_n h_{t-1} + c_n)) (ops/gru).

    Shapes     x (T, B, input_size) to y (T, B, hidden_size)
    Parameters W (3 H, D), U (3 H, H), b (3 H,), c (3 H,), rows in the order r, z, n; U starts orthogonal, gate by gate
    State      (B, H): the last state, given back as the initial state of the next window; None starts from zero

    Parameters
    ----------
    input_init
        How W starts: "glorot" or a standard deviation (init.input_matrix).
    reverse
        Walk from each sample's last step to its first.
    """

    gates: ClassVar[int] = 3
    needs: ClassVar[tuple[str, ...]] = ("gru",)

    input_size: int
    hidden_size: int
    input_init: str | float = "glorot"
    reverse: bool = False

    def __post_init__(self) -> None:
        self._check_sizes()

    @property
    def kept_size(self) -> int:
        return 5 * self.hidden_size  # h, three gates, and U_n h + c_n

    def parameters(self, steps: int | None) -> dict[str, Parameter]:
        weights = self._weights()
        return weights | {"c": Parameter(weights["b"].shape, init.constant(0.0))}

    def forward(self, x: np.ndarray, state: Any, ctx: Context) -> tuple[np.ndarray, Any, Any]:
        h0 = self._start(x, state, ctx)
        h, gates = ctx.ops.gru.forward(
            x, *(ctx.param(name) for name in "WUbc"), h0, ctx.lengths, self.reverse, Named(ctx)
        )
        return h[1:], self._last(h, ctx), (x, h, gates)

    def backward(
        self, dy: Any, tape: Any, dstate: Any, ctx: Context
    ) -> tuple[Any, Any, dict[str, np.ndarray]]:
        (x, h, gates), (dh, dhT) = tape, self._arriving(dy, dstate, ctx)
        dx, dW, dU, db, dc, dh0 = ctx.ops.gru.backward(
            dh, x, h, gates, ctx.param("W"), ctx.param("U"), dhT, ctx.lengths, self.reverse, ctx.scratch,
            self._probe(ctx),
        )  # fmt: skip
        return dx, dh0, {"W": dW, "U": dU, "b": db, "c": dc}
