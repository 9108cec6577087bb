"""The IndRNN layer (Li et al. 2018, arXiv:1803.04831, eq. 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .. import _check, init
from .base import Context, Normalised, Parameter, sequence
from .recurrent import Independent, Named, Projecting


@dataclass(frozen=True)
class IndRNN(Projecting, Independent):
    """h_t = φ(W x_t + u ⊙ h_{t-1} + b): each neuron remembers by one number of its own.

    Shapes     x (T, B, input_size) to y (T, B, hidden_size)
    Parameters W (H, D), u (H,), b (H,), and h0 (H,) if it is learned
    State      (B, H): the last state, given back as the initial state of the next window; None starts from h0 or zero

    Parameters
    ----------
    activation
        φ: "relu", "tanh", "sigmoid" or "identity".
    recurrent_init
        How u starts: "uniform", "symmetric", "long", "ones" or a number (init.recurrent).
    input_init
        How W starts: "normal" (tiny, without batch norm), "kaiming" (with it) or a standard deviation
        (init.input_weights).
    gamma
        The largest growth of a gradient over the sequence: |u| <= γ^(1/T) (init.recurrent_bound). 1 for
        stateful streams.
    constrain
        False leaves u without a bound in training; where it starts is the same.
    learn_h0
        The initial state is a parameter h0 (H,), the same for all samples.
    reverse
        Walk from each sample's last step to its first.
    """

    reads_normalised: ClassVar[bool] = True

    input_size: int
    hidden_size: int
    activation: str = "relu"
    recurrent_init: str | float = "uniform"
    input_init: str | float = "normal"
    gamma: float = 2.0
    constrain: bool = True
    learn_h0: bool = False
    reverse: bool = False

    def __post_init__(self) -> None:
        self._check_sizes()
        self._check_recurrence()
        if isinstance(self.input_init, str):
            _check.choice("IndRNN", "input_init", self.input_init, init.INPUT)

    def parameters(self, steps: int | None) -> dict[str, Parameter]:
        H, zero = self.hidden_size, init.constant(0.0)
        parameters = {
            "W": Parameter((H, self.input_size), init.input_weights(self.input_init)),
            "u": self._recurrent_weight(H, steps),
            "b": Parameter((H,), zero),
        }
        return parameters | ({"h0": Parameter((H,), zero)} if self.learn_h0 else {})

    def forward(self, x: Any, state: Any, ctx: Context) -> tuple[np.ndarray, Any, Any]:
        x, norm = x if isinstance(x, Normalised) else (x, None)
        sequence("IndRNN.forward", x, self.input_size)
        h0 = self._initial(x, state, self.hidden_size, ctx, self.learn_h0)
        h = ctx.ops.indrnn.forward(
            x,
            ctx.param("W"),
            ctx.param("u"),
            ctx.param("b"),
            h0,
            self.activation,
            ctx.lengths,
            self.reverse,
            Named(ctx),
            norm,
        )
        last = ctx.ops.recurrence.last(h, ctx.lengths, self.reverse)
        return h[1:], last, (x, h, state is None, norm)

    def backward(
        self, dy: Any, tape: Any, dstate: Any, ctx: Context
    ) -> tuple[Any, Any, dict[str, np.ndarray]]:
        x, h, started, norm = tape
        dh, dhT = self._arriving(dy, dstate, ctx)
        dx, dW, du, db, dh0 = ctx.ops.indrnn.backward(
            dh, x, h, ctx.param("W"), ctx.param("u"), dhT, self.activation, ctx.lengths, self.reverse, ctx.scratch,
            self._probe(ctx), norm,
        )  # fmt: skip
        grads = {"W": dW, "u": du, "b": db}
        if self.learn_h0:
            grads["h0"] = ctx.ops.rows.total(dh0) if started else ctx.ops.zeros(du.shape, du.dtype)
        return dx, dh0, grads

    def rectified(self, tape: Any) -> list[Any]:
        return [tape[1][1:]] if self.activation == "relu" else []
