"""The recurrence alone, for stacks in which something stands between it and the input weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _check
from .base import Context, Parameter, sequence
from .recurrent import Independent


@dataclass(frozen=True)
class Recurrence(Independent):
    """h_t = φ(x_t + u ⊙ h_{t-1}): an IndRNN without W and b (Li et al. 2018, arXiv:1803.04831, figure 1).

    Shapes     x (T, B, size) to y (T, B, size)
    Parameters u (size,)
    State      (B, size): the last state, given back as the initial state of the next window; None starts from zero

    The options are those of IndRNN.
    """

    size: int
    activation: str = "relu"
    recurrent_init: str | float = "uniform"
    gamma: float = 2.0
    constrain: bool = True
    reverse: bool = False

    def __post_init__(self) -> None:
        _check.at_least("Recurrence", "size", self.size, 1)
        self._check_recurrence()

    @property
    def inputs(self) -> int:
        return self.size

    @property
    def state_size(self) -> int:
        return self.size

    def parameters(self, steps: int | None) -> dict[str, Parameter]:
        return {"u": self._recurrent_weight(self.size, steps)}

    def forward(self, x: np.ndarray, state: Any, ctx: Context) -> tuple[np.ndarray, Any, Any]:
        sequence("Recurrence.forward", x, self.size)
        T, B, _ = x.shape
        h = ctx.ops.recurrence.forward(
            x, ctx.param("u"), self._initial(x, state, self.size, ctx), self.activation, ctx.lengths, self.reverse,
            ctx.array("h", (T + 1, B, self.size)),
        )  # fmt: skip
        return h[1:], ctx.ops.recurrence.last(h, ctx.lengths, self.reverse), h

    def backward(
        self, dy: Any, tape: Any, dstate: Any, ctx: Context
    ) -> tuple[Any, Any, dict[str, np.ndarray]]:
        h, (dh, dhT) = tape, self._arriving(dy, dstate, ctx)
        T, B, _ = h.shape
        da, du, dh0 = ctx.ops.recurrence.backward(
            dh, h, ctx.param("u"), dhT, self.activation, ctx.lengths, self.reverse,
            ctx.scratch.array("dx", (T - 1, B, self.size)),
        )  # fmt: skip
        probe = self._probe(ctx)
        if probe is not None:
            probe(0, T - 1, dh, da)
        return da, dh0, {"u": du}

    def rectified(self, tape: Any) -> list[Any]:
        return [tape[1:]] if self.activation == "relu" else []
