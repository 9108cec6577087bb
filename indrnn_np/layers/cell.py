"""Base class of the cells with a recurrent matrix (RNN, LSTM, GRU): sizes and initial weights."""

from __future__ import annotations

from typing import ClassVar

from .. import init
from .._types import AnyArray, State
from .base import Parameter, sequence
from .context import Context
from .recurrent import Projecting


class Cell(Projecting):
    """Base class of layers over W x_t and U h_{t-1}; W and U have `gates` blocks of H rows."""

    gates: ClassVar[int]

    input_init: str | float

    def _check_sizes(self) -> None:
        super()._check_sizes()
        init.check_input_matrix(type(self).__name__, self.input_init)

    def _weights(self, recurrent_init: str | float = "orthogonal") -> dict[str, Parameter]:
        """Return W, U and b with their initialisers."""
        rows, zero = self.gates * self.hidden_size, init.constant(0.0)
        return {
            "W": Parameter((rows, self.input_size), init.input_matrix(self.input_init, self.gates)),
            "U": Parameter((rows, self.hidden_size), init.recurrent_matrix(recurrent_init, self.gates)),
            "b": Parameter((rows,), zero),
        }

    def _start(self, x: AnyArray, state: State, ctx: Context) -> State:
        """Check x, and return the state (B, H) before the first step."""
        sequence(f"{type(self).__name__}.forward", x, self.input_size)
        return self._initial(x, state, self.hidden_size, ctx)

    def _last(self, h: AnyArray, ctx: Context) -> AnyArray:
        """Return the last state of each sample (B, H)."""
        return ctx.ops.recurrence.last(h, ctx.run.lengths, self.reverse)
