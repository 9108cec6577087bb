"""A batch and its loss, for copies of a network in any dtype: what a numerical derivative runs again and again."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import get
from ..gradcheck.finite_differences import Evaluation
from ..sequential import Sequential
from .objective import chosen


class Twins:
    """A batch and its loss, for copies of a network in any dtype."""

    def __init__(
        self, net: Sequential, x: Any, target: Any, loss: str | None, lengths: Any, mask: Any
    ) -> None:
        host = net.ops.to_host
        self.net, self.x, self.lengths = net, host(x), lengths
        self.target, self.loss = None if target is None else host(target), loss
        self.mask = None if mask is None else host(mask)

    def copy(self, dtype: np.dtype) -> Sequential:
        """The network in another dtype; in complex128 on the reference, the one that takes it."""
        return self.net.astype(dtype, backend="reference" if dtype == np.complex128 else None)

    def run(self, twin: Sequential) -> tuple[Any, Any, Any]:
        """Loss, dy in NumPy, and the tape."""
        x = self.x if self.x.dtype.kind in "iu" else self.x.astype(twin.dtype)
        y, _, tape = twin.forward(x, lengths=self.lengths)
        y = twin.ops.to_host(y)
        if self.target is None:
            return y.sum(dtype=np.result_type(y.dtype, np.float64)), np.ones_like(y), tape
        name, mask = chosen("study.step_sizes", y, self.target, self.loss, self.lengths, self.mask)
        target = self.target if self.target.dtype.kind in "iu" else self.target.astype(y.real.dtype)
        value, dy = getattr(get("reference"), name).loss(y, target, mask)
        return value, dy, tape

    def evaluate(self, twin: Sequential, flat: np.ndarray) -> Evaluation:
        """The loss at other parameters, and the gates."""
        twin.ops.assign(twin.flat, flat)
        value, _, tape = self.run(twin)
        return Evaluation(value, tuple(twin.gates(tape)))

    def gradient(self, twin: Sequential) -> tuple[np.ndarray, bool]:
        """The backward's (P,), and whether something is rectified."""
        _, dy, tape = self.run(twin)
        grads = twin.backward(twin.ops.bring(dy), tape)[2]
        return np.array(twin.ops.to_host(grads.flat)), bool(twin.gates(tape))
