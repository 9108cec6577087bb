"""Long short-term memory with a forget gate (Hochreiter & Schmidhuber 1997; Gers, Schmidhuber & Cummins 2000)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .. import _check
from .base import Context, Parameter
from .cell import Cell
from .recurrent import Named


@dataclass(frozen=True)
class LSTM(Cell):
    """h_t = o_t ⊙ tanh c_t with c_t = f_t ⊙ c_{t-1} + i_t ⊙ g_t, gates of W x_t + U h_{t-1} + b (ops/lstm).

    Shapes     x (T, B, input_size) to y (T, B, hidden_size)
    Parameters W (4 H, D), U (4 H, H), b (4 H,), rows in the order i, f, g, o; U starts orthogonal, gate by gate
    State      a pair (h, c), each (B, H), given back as the initial state of the next window; None starts from zero

    Parameters
    ----------
    input_init
        How W starts: "glorot" or a standard deviation (init.input_matrix).
    forget_bias
        Where the forget gate's bias starts: at 1 the cell keeps most of its state from the first iteration on (Gers et
        al. 2000; Jozefowicz et al. 2015). The other biases start at 0.
    reverse
        Walk from each sample's last step to its first.
    """

    gates: ClassVar[int] = 4
    needs: ClassVar[tuple[str, ...]] = ("lstm",)

    input_size: int
    hidden_size: int
    input_init: str | float = "glorot"
    forget_bias: float = 1.0
    reverse: bool = False

    def __post_init__(self) -> None:
        self._check_sizes()

    @property
    def state_size(self) -> int:
        return 2 * self.hidden_size

    @property
    def kept_size(self) -> int:
        return 6 * self.hidden_size  # h, c and four gates

    def parameters(self, steps: int | None) -> dict[str, Parameter]:
        weights = self._weights()
        return weights | {"b": Parameter(weights["b"].shape, self._biases)}

    def forward(self, x: np.ndarray, state: Any, ctx: Context) -> tuple[np.ndarray, Any, Any]:
        if state is not None and not (isinstance(state, tuple | list) and len(state) == 2):
            _check.fail(
                "LSTM.forward", f"state is a {type(state).__name__}", "a pair (h, c)", error=TypeError
            )
        h0, c0 = (self._start(x, part, ctx) for part in ((None, None) if state is None else state))
        h, c, gates = ctx.ops.lstm.forward(
            x, *(ctx.param(name) for name in "WUb"), h0, c0, ctx.lengths, self.reverse, Named(ctx)
        )
        return h[1:], (self._last(h, ctx), self._last(c, ctx)), (x, h, c, gates)

    def backward(
        self, dy: Any, tape: Any, dstate: Any, ctx: Context
    ) -> tuple[Any, Any, dict[str, np.ndarray]]:
        dh_last, dcT = (None, None) if dstate is None else dstate
        (x, h, c, gates), (dh, dhT) = tape, self._arriving(dy, dh_last, ctx)
        dx, dW, dU, db, dh0, dc0 = ctx.ops.lstm.backward(
            dh, x, h, c, gates, ctx.param("W"), ctx.param("U"), dhT, dcT, ctx.lengths, self.reverse, ctx.scratch,
            self._probe(ctx),
        )  # fmt: skip
        return dx, (dh0, dc0), {"W": dW, "U": dU, "b": db}

    def _biases(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """How b starts."""
        b = np.zeros((self.gates, self.hidden_size))
        b[1] = self.forget_bias
        return b.reshape(shape)
