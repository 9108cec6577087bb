"""The IndRNN layer (Li et al. 2018, arXiv:1803.04831, eq. 2)."""

from __future__ import annotations

from dataclasses import dataclass

from .. import _check, init
from .._types import AnyArray, Record, State
from ..ops.recurrence.activation import ACTIVATIONS
from . import parallel_cell
from .base import Parameter, sequence
from .context import Context
from .fusion import READER, Normalised, split_gradient
from .recurrent import Independent, Projecting
from .recurrent_weight import PROJECTED
from .time_table import SERIAL


@dataclass(frozen=True)
class IndRNN(Projecting, Independent):
    """Independently recurrent layer: each neuron has a single recurrent weight.

    Parameters
    ----------
    input_size, hidden_size : int
        Number of inputs D and of units H.
    activation : str
        φ: "relu", "tanh", "sigmoid" or "identity".
    recurrent_init : str or float
        Initial u: "uniform", "symmetric", "long", "ones" or a number (init.recurrent).
    input_init : str or float
        Initial W: "normal" (tiny, for layers without batch norm), "kaiming" (with batch norm) or a
        standard deviation (init.input_weights).
    gamma : float
        Largest growth γ of a gradient over the sequence, |u| <= γ^(1/T) (init.recurrent_bound). Use
        1 for stateful streams.
    constrain : bool
        Keep u within the bound in training. The initial values do not depend on this option.
    learn_h0 : bool
        Learn the initial state h0 (H,), which all samples share.
    reverse : bool
        Run from each sample's last step to its first.
    time : str
        "serial" runs time step by time step. "parallel" runs chunks of time at once, by a scan
        (ops/recurrence/parallel.py): the results differ by rounding, and batch norm before the
        layer is not fused. "auto" takes the faster one by a table (layers/time_table.py).
    u_form : str
        "projected": u is learned, and a projection after each update keeps it within the bound.
        "exp": ν is learned, and u = bound · exp(-exp ν) is between 0 and the bound for every ν. The
        network then needs `steps` (unless γ is 1), u starts above 0 with u / bound clipped to
        [1e-6, 1 - 1e-6], and the backend is "cpu" or "reference".

    Raises
    ------
    ValueError
        If an option is unknown, or with `u_form="exp"` if `recurrent_init` is "symmetric" or not
        above 0, if `constrain` is False, if the network has no `steps`, or if its u starts above
        the bound.

    Notes
    -----
    h_t = φ(W x_t + u ⊙ h_{t-1} + b)

    u_form="exp" is the form of Orvieto et al. 2023, arXiv:2303.06349, for real eigenvalues.

    Maps x (T, B, D) to y (T, B, H). The learned arrays are W (H, D), u (H,) or nu (H,), b (H,) and,
    with `learn_h0`, h0 (H,). `net.recurrent_weights()` returns u in both forms. The state is the last
    hidden state (B, H): pass it to the next window. None starts from h0 or zero.

    Examples
    --------
    >>> import indrnn_np as ir
    >>> layer = ir.IndRNN(2, 128)
    >>> layer.inputs, layer.outputs
    (2, 128)
    """

    input_size: int
    hidden_size: int
    activation: str = "relu"
    recurrent_init: str | float = "uniform"
    input_init: str | float = "normal"
    gamma: float = 2.0
    constrain: bool = True
    learn_h0: bool = False
    reverse: bool = False
    time: str = SERIAL
    u_form: str = PROJECTED

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_sizes()
        self._check_recurrence()
        if isinstance(self.input_init, str):
            _check.choice("IndRNN", "input_init", self.input_init, init.INPUT)

    @property
    def fusion_role(self) -> str:  # type: ignore[override]
        return READER if self.time == SERIAL else ""

    def parameters(self, steps: int | None) -> dict[str, Parameter]:
        H, zero = self.hidden_size, init.constant(0.0)
        parameters = {
            "W": Parameter((H, self.input_size), init.input_weights(self.input_init)),
            **self._weight_parameter(H, steps),
            "b": Parameter((H,), zero),
        }
        return parameters | ({"h0": Parameter((H,), zero)} if self.learn_h0 else {})

    def forward(self, x: AnyArray, state: State, ctx: Context) -> tuple[AnyArray, State, Record]:
        x, norm = x if isinstance(x, Normalised) else (x, None)
        sequence("IndRNN.forward", x, self.input_size)
        h0 = self._initial(x, state, self.hidden_size, ctx, self.learn_h0)
        if (scan := self.scan(x, ctx)) is not None:
            h = parallel_cell.forward(self, scan, x, h0, ctx)
        else:
            h = ctx.ops.indrnn.forward(
                x, ctx.param("W"), self.weight(ctx), ctx.param("b"), h0, self.activation, ctx.run.lengths,
                self.reverse, ctx, norm,
            )  # fmt: skip
        last = ctx.ops.recurrence.last(h, ctx.run.lengths, self.reverse)
        return h[1:], last, (x, h, state is None, norm)

    def backward(
        self, dy: AnyArray, tape: Record, dstate: State, ctx: Context
    ) -> tuple[AnyArray, State, dict[str, AnyArray]]:
        x, h, started, norm = tape
        dh, dhT = split_gradient(dy, dstate, self.reverse, ctx)
        if (scan := self.scan(x, ctx)) is not None:
            dx, dW, du, db, dh0 = parallel_cell.backward(self, scan, dh, dhT, x, h, ctx)
        else:
            dx, dW, du, db, dh0 = ctx.ops.indrnn.backward(
                dh, x, h, ctx.param("W"), self.weight(ctx), dhT, self.activation, ctx.run.lengths,
                self.reverse, ctx.scratch, self._probe(ctx), norm, ctx.input_gradient,
            )  # fmt: skip
        grads = {"W": dW, **self.weight_gradient(du, ctx), "b": db}
        if self.learn_h0:
            grads["h0"] = ctx.ops.rows.total(dh0) if started else ctx.ops.device.zeros(du.shape, du.dtype)
        return dx, dh0, grads

    def tangent(
        self, x_dot: AnyArray, tape: Record, state_dot: State, ctx: Context
    ) -> tuple[AnyArray, State, Record]:
        x, h, started, _ = tape
        h0_dot = self._initial_direction(h[0], state_dot, ctx, self.learn_h0 and started)
        h_dot = ctx.ops.tangent("indrnn")(
            x_dot, x, h, ctx.param("W"), self.weight(ctx), ctx.direction("W"),
            self.weight_direction(ctx), ctx.direction("b"), h0_dot, self.activation, ctx.run.lengths, self.reverse,
        )  # fmt: skip
        return h_dot[1:], ctx.ops.recurrence.last(h_dot, ctx.run.lengths, self.reverse), (x_dot, h_dot)

    def rectified(self, tape: Record) -> list[AnyArray]:
        return [tape[1][1:]] if ACTIVATIONS[self.activation].rectified else []
