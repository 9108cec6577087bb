"""Copies of a network in any dtype that evaluate the loss of one batch."""

from __future__ import annotations

import numpy as np

from .._gradcheck.problem import Evaluation
from .._types import AnyArray, Array, DType, Record
from ..backend import get
from ..networks.sequential import Sequential
from .objective import chosen


class Twins:
    """Batch and its loss, evaluated by copies of a network in any dtype."""

    def __init__(
        self, net: Sequential, x: AnyArray, target: AnyArray | None, loss: str | None, lengths: Array | None,
        mask: AnyArray | None,
    ) -> None:  # fmt: skip
        host = net.device.to_host
        self.net, self.x, self.lengths = net, host(x), lengths
        self.target, self.loss = None if target is None else host(target), loss
        self.mask = None if mask is None else host(mask)

    def copy(self, dtype: DType) -> Sequential:
        """Return the network in another dtype; complex128 runs on the reference backend."""
        return self.net.astype(dtype, backend="reference" if dtype == np.complex128 else None)

    def run(self, twin: Sequential) -> tuple[complex, Array, Record]:
        """Return the loss, dy as a NumPy array, and the tape."""
        x = self.x if self.x.dtype.kind in "iu" else self.x.astype(twin.dtype)
        y, _, tape = twin.forward(x, lengths=self.lengths)
        y = twin.device.to_host(y)
        if self.target is None:
            return y.sum(dtype=np.result_type(y.dtype, np.float64)), np.ones_like(y), tape
        name, mask = chosen("study.step_sizes", y, self.target, self.loss, self.lengths, self.mask)
        target = self.target if self.target.dtype.kind in "iu" else self.target.astype(y.real.dtype)
        value, dy = getattr(get("reference"), name).loss(y, target, mask)
        return value, dy, tape

    def evaluate(self, twin: Sequential, flat: Array) -> Evaluation:
        """Return the loss and the relu gates at the parameters `flat`."""
        twin.device.assign(twin.flat, flat)
        value, _, tape = self.run(twin)
        return Evaluation(value, tuple(twin.gates(tape)))

    def gradient(self, twin: Sequential) -> tuple[Array, bool]:
        """Return the gradient (P,) of the backward pass, and whether the network has relu gates."""
        _, dy, tape = self.run(twin)
        grads = twin.backward(twin.device.bring(dy), tape)[2]
        return np.array(twin.device.to_host(grads.flat)), bool(twin.gates(tape))
