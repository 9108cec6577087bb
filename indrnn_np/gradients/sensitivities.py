"""Sensitivities of the states of a stack to the parameters of the layers below.

    S^k_t = φ'_k ⊙ (W^k S^{k-1}_t + u^k ⊙ S^k_{t-1}),   S^l = e^l (diagonal)      (H, H) numbers a sample

A key (l, k, name) stands for the states of cell k and the parameter `name` of cell l below it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._types import Array
from .traces import Traces, keep, through_layer

Key = tuple[int, int, str]


class Sensitivities:
    """Sensitivities (B, H_k, H_l) of all cells above the first one, by key.

    Parameters
    ----------
    stack : sequence of Traces
        States and traces of the cells; empty for a rule without sensitivities.
    first_inputs : bool
        Follow the columns of the first W too.
    """

    def __init__(self, stack: Sequence[Traces], first_inputs: bool) -> None:
        self.stack, self._first_inputs = stack, first_inputs
        self.by_key: dict[Key, Array] = {}
        for low in range(len(stack)):
            for name, e in self._sources(low).items():
                for k in range(low + 1, len(stack)):
                    shape = (len(e), len(stack[k].u), e.shape[1])
                    self.by_key[low, k, name] = np.zeros(shape, e.dtype)

    def step(self, active: Array | None) -> None:
        """Advance by one time step, after the states; samples that are not active stay as they are."""
        for low in range(len(self.stack) - 1):
            for name, e in self._sources(low).items():
                below: Array = e  # diagonal in the layer itself
                for k in range(low + 1, len(self.stack)):
                    top, key = self.stack[k], (low, k, name)
                    previous = self.by_key[key]
                    S = top.u[:, None] * previous
                    S += through_layer(top, below)
                    S *= top.slope[:, :, None]
                    below = self.by_key[key] = keep(S, previous, active)

    def of_top(self) -> dict[tuple[int, str], Array]:
        """Return the sensitivities of the top cell's state, by cell below and parameter."""
        top = len(self.stack) - 1
        return {(low, name): S for (low, k, name), S in self.by_key.items() if k == top}

    def arrays(self) -> tuple[Array, ...]:
        """Return all sensitivities, from which `load` continues."""
        return tuple(self.by_key.values())

    def load(self, arrays: Sequence[Array]) -> None:
        """Continue from the arrays that `arrays` returned."""
        self.by_key = dict(zip(self.by_key, arrays, strict=True))

    def _sources(self, low: int) -> dict[str, Array]:
        return self.stack[low].sources(low == 0 and self._first_inputs)
