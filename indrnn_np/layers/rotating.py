"""Layer of rotating pairs of neurons: a linear recurrence with complex eigenvalues."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .. import _check, init
from .._types import AnyArray, Record, State
from ..ops.recurrence.activation import ACTIVATIONS
from .base import Parameter, sequence
from .context import Context
from .eigenvalues import eigenvalues, gradients, tangents
from .recurrent import Projecting


@dataclass(frozen=True)
class RotatingIndRNN(Projecting):
    """Independent pairs of neurons, each of which turns by an angle and shrinks.

    The recurrent weight of an IndRNN scales a symbol's trace, so traces of different ages look
    alike. A pair also turns, so its phase tells the age.

    Parameters
    ----------
    input_size, hidden_size : int
        Number of inputs D and of units H, which is even: H/2 pairs.
    activation : str
        φ: "relu", "tanh", "sigmoid" or "identity".
    input_init : str or float
        Initial W: "glorot" or a standard deviation (init.input_matrix).
    r_min, r_max : float, optional
        Range of the initial |λ|. By default an input halves within T to 10 T time steps, for the
        network's sequence length T (init.ring).
    reverse : bool
        Run from each sample's last step to its first.

    Raises
    ------
    ValueError
        If H is odd, or r_min or r_max is None in a network without `steps`.

    Notes
    -----
    h_t = λ h_{t-1} + g (W x_t + b),   y_t = φ(h_t)

    |λ| = exp(-exp ν),   λ has the angle θ,   g = √(1 - |λ|²)

    Orvieto et al. 2023, arXiv:2303.06349, in real numbers. The scale g keeps the variance of h
    independent of the memory. φ takes the place of the paper's read-out and MLP.

    Maps x (T, B, D) to y (T, B, H). The first half of the units are the real parts of the pairs, the
    second half their imaginary parts. The learned arrays are W (H, D), b (H,), nu (H/2,) and theta
    (H/2,). The state is the last h (B, H), before φ: pass it to the next window. None starts from
    zero. |λ| is below 1 for every ν, so no parameter has a bound.

    Examples
    --------
    >>> import indrnn_np as ir
    >>> net = ir.Sequential([ir.RotatingIndRNN(2, 128)], steps=100)
    >>> {name: value.shape for name, value in net.params.items()}
    {'0.W': (128, 2), '0.b': (128,), '0.nu': (64,), '0.theta': (64,)}
    """

    needs: ClassVar[tuple[str, ...]] = ("rotation",)

    input_size: int
    hidden_size: int
    activation: str = "relu"
    input_init: str | float = "glorot"
    r_min: float | None = None
    r_max: float | None = None
    reverse: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_sizes()
        where = "RotatingIndRNN"
        if self.hidden_size % 2:
            because = "because the units are real and imaginary parts of pairs"
            _check.fail(where, f"hidden_size is {self.hidden_size}", "an even number", because)
        _check.choice(where, "activation", self.activation, ACTIVATIONS)
        init.check_input_matrix(where, self.input_init)
        init.check_ring(where, self.r_min, self.r_max)

    @property
    def kept_size(self) -> int:
        return 2 * self.hidden_size  # h and y

    def parameters(self, steps: int | None) -> dict[str, Parameter]:
        H, pairs = self.hidden_size, (self.hidden_size // 2,)
        return {
            "W": Parameter((H, self.input_size), init.input_matrix(self.input_init, 1)),
            "b": Parameter((H,), init.constant(0.0)),
            "nu": Parameter(pairs, init.ring(self.r_min, self.r_max, steps)),
            "theta": Parameter(pairs, init.half_turn),
        }

    def forward(self, x: AnyArray, state: State, ctx: Context) -> tuple[AnyArray, State, Record]:
        rotation = ctx.ops.rotation  # first, because a backend without this op refuses it
        sequence("RotatingIndRNN.forward", x, self.input_size)
        (T, B, _), H, lengths = x.shape, self.hidden_size, ctx.run.lengths
        u, scale = eigenvalues(ctx.param("nu"), ctx.param("theta"))
        h, y = ctx.array("h", (T + 1, B, H)), ctx.array("y", (T + 1, B, H))
        # g (W x_t + b) as W' x_t + b', so that no array over time is scaled
        a = ctx.ops.affine.forward(x, scale[:, None] * ctx.param("W"), scale * ctx.param("b"), h[1:])
        rotation.forward(a, u, self._initial(x, state, H, ctx), lengths, self.reverse, h)
        # φ is a recurrence whose recurrent weights are zero
        zero, nothing = np.zeros_like(u), np.zeros_like(h[0])
        ctx.ops.recurrence.forward(h[1:], zero, nothing, self.activation, lengths, out=y)
        return y[1:], ctx.ops.recurrence.last(h, lengths, self.reverse), (x, h, y)

    def backward(
        self, dy: AnyArray, tape: Record, dstate: State, ctx: Context
    ) -> tuple[AnyArray, State, dict[str, AnyArray]]:
        (x, h, y), lengths, W, b = tape, ctx.run.lengths, ctx.param("W"), ctx.param("b")
        nu, theta = ctx.param("nu"), ctx.param("theta")
        (u, scale), da = eigenvalues(nu, theta), ctx.scratch.array("da", h[1:].shape)
        # forward: y = φ(h)
        zero = np.zeros_like(u)
        ctx.ops.recurrence.backward(ctx.dense(dy), y, zero, None, self.activation, lengths, out=da)
        # forward: h_t = λ h_{t-1} + a_t
        _, du, dh0 = ctx.ops.rotation.backward(da, h, u, dstate, lengths, self.reverse, da)
        if (probe := self._probe(ctx)) is not None:
            probe(0, len(da), da, da)  # ∂L/∂h_t is da_t
        if lengths is not None:  # x may hold NaN in the padding
            x = ctx.ops.rows.without_padding(x, lengths, ctx.scratch.array("x without padding", x.shape))
        # forward: a = W' x + b' with W' = g W and b' = g b
        out, W_scaled = ctx.scratch.array("dx", x.shape), scale[:, None] * W
        dx, dW_scaled, db_scaled = ctx.ops.affine.backward(da, x, W_scaled, out, ctx.input_gradient)
        dscale = np.sum(dW_scaled * W, axis=1) + db_scaled * b
        dnu, dtheta = gradients(nu, theta, du, dscale)
        grads = {"W": scale[:, None] * dW_scaled, "b": scale * db_scaled, "nu": dnu, "theta": dtheta}
        return dx, dh0, grads

    def tangent(
        self, x_dot: AnyArray, tape: Record, state_dot: State, ctx: Context
    ) -> tuple[AnyArray, State, Record]:
        (x, h, y), lengths, reverse = tape, ctx.run.lengths, self.reverse
        (W, b), h0_dot = (ctx.param(name) for name in "Wb"), self._initial_direction(h[0], state_dot, ctx)
        nu, theta = ctx.param("nu"), ctx.param("theta")
        u, scale = eigenvalues(nu, theta)
        u_dot, scale_dot = tangents(nu, theta, ctx.direction("nu"), ctx.direction("theta"))
        W_dot = scale[:, None] * ctx.direction("W") + scale_dot[:, None] * W
        b_dot = scale * ctx.direction("b") + scale_dot * b
        a_dot = ctx.ops.tangent("affine")(x_dot, x, scale[:, None] * W, W_dot, b_dot)
        h_dot = ctx.ops.tangent("rotation")(a_dot, h, u, u_dot, h0_dot, lengths, reverse)
        zero, nothing = np.zeros_like(u), np.zeros_like(h[0])
        y_dot = ctx.ops.tangent("recurrence")(
            h_dot[1:], y, zero, zero, nothing, self.activation, lengths, False
        )
        return y_dot[1:], ctx.ops.recurrence.last(h_dot, lengths, reverse), None

    def rectified(self, tape: Record) -> list[AnyArray]:
        return [tape[2][1:]] if ACTIVATIONS[self.activation].rectified else []
