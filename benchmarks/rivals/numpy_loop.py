"""NumPy: the reference that judges everybody (fresh arrays, dW by einsum), and a loop made to be fast.

The second leaves all three products to BLAS and keeps its buffers.
"""

from __future__ import annotations

import numpy as np

from indrnn_np._cpu.provenance import blas
from indrnn_np.backend import get
from indrnn_np.bench.cases import Case
from indrnn_np.bench.layer import Data
from indrnn_np.bench.timing import RIVAL, Candidate, LeftOut

Found = tuple[np.ndarray, dict[str, np.ndarray]]
MOST = 3e9  # multiplications of dW: the reference's einsum makes about one in a nanosecond


def candidates(case: Case, data: Data, threads: int) -> dict[str, Candidate | LeftOut]:
    """The reference and the NumPy loop."""
    reference: Candidate | LeftOut = LeftOut("its einsum for dW would take many seconds a call")
    if case.T * case.B * case.D * case.H <= MOST:
        reference = Candidate(lambda: by_reference(data), RIVAL, blas(), gradients=by_reference)
    loop = Loop(data)
    return {
        "NumPy reference": reference,
        "NumPy loop": Candidate(loop, RIVAL, blas(), gradients=lambda other: Loop(other)()),
    }


def by_reference(data: Data) -> Found:
    """Both passes of the reference backend."""
    op, d = get("reference").indrnn, data
    h = op.forward(d.x, d.W, d.u, d.b, d.h0, d.activation)
    dx, dW, du, db, _ = op.backward(d.dh, d.x, h, d.W, d.u, None, d.activation)
    return h[1:], {"x": dx, "W": dW, "u": du, "b": db}


class Loop:
    """relu only: one product over all steps, then a few array operations a step, all into arrays that are there."""

    def __init__(self, data: Data) -> None:
        self.d = data
        self.h = np.empty((len(data.x) + 1, *data.h0.shape), data.x.dtype)
        self.da, self.dx, self.dW = np.empty_like(data.dh), np.empty_like(data.x), np.empty_like(data.W)
        self.step, self.carry = np.empty_like(data.h0), np.empty_like(data.h0)

    def __call__(self) -> Found:
        d, h, da, step, carry = self.d, self.h, self.da, self.step, self.carry
        rows, units = da.reshape(-1, da.shape[2]), h[1:].reshape(-1, h.shape[2])
        x = d.x.reshape(len(rows), -1)
        h[0] = d.h0
        np.matmul(x, d.W.T, out=units)
        units += d.b
        for t in range(len(da)):
            np.multiply(d.u, h[t], out=step)
            h[t + 1] += step
            np.maximum(h[t + 1], 0, out=h[t + 1])
        carry.fill(0)
        for t in range(len(da) - 1, -1, -1):
            np.add(d.dh[t], carry, out=da[t])
            da[t] *= h[t + 1] > 0
            np.multiply(d.u, da[t], out=carry)
        np.matmul(rows, d.W, out=self.dx.reshape(x.shape))
        np.matmul(rows.T, x, out=self.dW)
        du = np.einsum("tbh,tbh->h", da, h[:-1])
        return h[1:], {"x": self.dx, "W": self.dW, "u": du, "b": rows.sum(axis=0)}
