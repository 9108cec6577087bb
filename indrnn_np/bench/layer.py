"""One IndRNN layer, forward and backward with all gradients, compared with its three matrix products.

a = x Wᵀ        dx = da W        dW = daᵀ x        each over all T·B rows at once, into preallocated arrays
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._cpu.arrays import aligned, empty_like
from .._cpu.provenance import blas
from .._types import Array
from ..backend import Backend, get
from ..init import recurrent_bound
from ..workspace import Workspace
from .agreement import Agreement, compare
from .cases import Case
from .setup import CHECKED_STEPS, DTYPE, GAMMA, Setup
from .timing import FLOOR, Candidate

BOTH = "indrnn_np, both passes"


@dataclass(frozen=True)
class Data:
    """Arrays x (T, B, D), W (H, D), u and b (H,), h0 (B, H), and the gradient dh (T, B, H) of the states."""

    x: np.ndarray
    W: np.ndarray
    u: np.ndarray
    b: np.ndarray
    h0: np.ndarray
    dh: np.ndarray
    activation: str = "relu"

    def map(self, function: Callable[[np.ndarray], Any]) -> Data:
        """Return the data with a function applied to each array."""
        arrays = {name: function(getattr(self, name)) for name in ("x", "W", "u", "b", "h0", "dh")}
        return Data(**arrays, activation=self.activation)

    def astype(self, dtype: Any) -> Data:
        """Return the data in another dtype."""
        return self.map(lambda array: array.astype(dtype))

    def on(self, ops: Backend) -> Data:
        """Return the data on the device of a backend."""
        return self.map(ops.device.bring)


def draw(case: Case, most: int | None = None) -> Data:
    """Return the arrays of a case, cut to at most `most` steps, with constant random numbers."""
    rng = np.random.default_rng(0)
    (T, B, D, H), bound = case.shape, recurrent_bound(case.activation, GAMMA, case.T)
    T = T if most is None else min(T, most)
    W, x, dh = (rng.standard_normal(shape, DTYPE) for shape in ((H, D), (T, B, D), (T, B, H)))
    h0, b = (rng.standard_normal(shape, DTYPE) for shape in ((B, H), (H,)))
    u = rng.uniform(-bound, bound, H).astype(DTYPE)
    return Data(aligned(x), W / DTYPE(D**0.5), u, b, h0, aligned(dh), case.activation)


def prepare(case: Case) -> Setup:
    """Check the layer against the reference and return the candidates."""
    checked = draw(case, CHECKED_STEPS)
    agreement = check(f"{case.name}, {BOTH}", checked, *passes(checked))
    data, library = draw(case), blas()
    work, rows = Workspace(), case.T * case.B
    products = Products(data.x.reshape(rows, case.D), data.W, data.dh.reshape(rows, case.H))
    candidates = {
        BOTH: Candidate(lambda: passes(data, work), library=library),
        "its three products": Candidate(products, FLOOR, library),
    }
    return Setup(candidates, {BOTH: agreement}, data, checked)


def passes(data: Data, work: Workspace | None = None, backend: str = "cpu") -> tuple[Array, dict[str, Array]]:
    """Run both passes of a backend; return states (T, B, H) and the gradients of x, W, u and b."""
    op, d = get(backend).indrnn, data
    h = op.forward(d.x, d.W, d.u, d.b, d.h0, d.activation, work=work)
    dx, dW, du, db, _ = op.backward(d.dh, d.x, h, d.W, d.u, None, d.activation, work=work)
    return h[1:], {"x": dx, "W": dW, "u": du, "b": db}


def check(where: str, data: Data, states: np.ndarray, gradients: Mapping[str, np.ndarray]) -> Agreement:
    """Compare states and gradients with the reference in float64; raise WrongResult if they differ.

    The backward pass of the reference starts from the checked states, because rounding may open or
    close a relu gate.
    """
    op, exact = get("reference").indrnn, data.astype(np.float64)
    h = op.forward(exact.x, exact.W, exact.u, exact.b, exact.h0, exact.activation)
    steps = len(data.x)
    compare(where, steps, {"h": h[1:]}, {"h": states})
    checked = np.concatenate([exact.h0[None], np.asarray(states, np.float64)])
    dx, dW, du, db, _ = op.backward(exact.dh, exact.x, checked, exact.W, exact.u, None, exact.activation)
    expected = {"h": h[1:], "x": dx, "W": dW, "u": du, "b": db}
    return compare(where, steps, expected, {"h": states, **gradients})


class Products:
    """Three products of x (rows, D), W (H, D) and da (rows, H), into preallocated arrays.

    Without `input_gradient` there are two: da W is left out.
    """

    def __init__(self, x: np.ndarray, W: np.ndarray, da: np.ndarray, input_gradient: bool = True) -> None:
        self.x, self.W, self.da = x, W, da
        self.a, self.dW = empty_like(da), empty_like(W)
        self.dx = empty_like(x) if input_gradient else None

    def __call__(self) -> None:
        np.matmul(self.x, self.W.T, out=self.a)
        if self.dx is not None:
            np.matmul(self.da, self.W, out=self.dx)
        np.matmul(self.da.T, self.x, out=self.dW)
