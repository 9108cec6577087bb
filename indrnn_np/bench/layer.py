"""One IndRNN layer, forward and backward with all gradients, beside its floor: its three matrix products alone.

a = x Wᵀ        dx = da W        dW = daᵀ x        each over all T·B rows at once, into arrays that are there
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._about import blas
from .._arrays import aligned, empty_like
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
    """x (T, B, D), W (H, D), u and b (H,), h0 (B, H), and the gradient dh (T, B, H) on the states."""

    x: np.ndarray
    W: np.ndarray
    u: np.ndarray
    b: np.ndarray
    h0: np.ndarray
    dh: np.ndarray
    activation: str = "relu"

    def astype(self, dtype: Any) -> Data:
        """The same numbers in another dtype."""
        arrays = (self.x, self.W, self.u, self.b, self.h0, self.dh)
        x, W, u, b, h0, dh = (value.astype(dtype) for value in arrays)
        return Data(x, W, u, b, h0, dh, self.activation)

    def on(self, ops: Backend) -> Data:
        """The same numbers where a backend computes."""
        arrays = (self.x, self.W, self.u, self.b, self.h0, self.dh)
        x, W, u, b, h0, dh = (ops.bring(value) for value in arrays)
        return Data(x, W, u, b, h0, dh, self.activation)


def draw(case: Case, most: int | None = None) -> Data:
    """Arrays of a case, cut to at most so many steps; always the same numbers."""
    rng = np.random.default_rng(0)
    (T, B, D, H), bound = case.shape, recurrent_bound(case.activation, GAMMA, case.T)
    T = T if most is None else min(T, most)
    W, x, dh = (rng.standard_normal(shape, DTYPE) for shape in ((H, D), (T, B, D), (T, B, H)))
    h0, b = (rng.standard_normal(shape, DTYPE) for shape in ((B, H), (H,)))
    u = rng.uniform(-bound, bound, H).astype(DTYPE)
    return Data(
        aligned(x), W / DTYPE(D**0.5), u, b, h0, aligned(dh), case.activation
    )  # as a network's arrays are


def prepare(case: Case) -> Setup:
    """Draw, check against the reference, and give the candidates."""
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


def passes(
    data: Data, work: Workspace | None = None, backend: str = "cpu"
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Both passes of a backend, on its arrays: states (T, B, H) and the gradients of x, W, u and b."""
    op, d = get(backend).indrnn, data
    h = op.forward(d.x, d.W, d.u, d.b, d.h0, d.activation, work=work)
    dx, dW, du, db, _ = op.backward(d.dh, d.x, h, d.W, d.u, None, d.activation, work=work)
    return h[1:], {"x": dx, "W": dW, "u": du, "b": db}


def check(where: str, data: Data, states: np.ndarray, gradients: Mapping[str, np.ndarray]) -> Agreement:
    """Compare states and gradients with the reference, computed in float64; WrongResult names what is off.

    The reference's backward starts from the states that are checked, so that a unit which rounding carried over
    relu's kink has the same gate in both.
    """
    op, exact = get("reference").indrnn, data.astype(np.float64)
    h = op.forward(exact.x, exact.W, exact.u, exact.b, exact.h0, exact.activation)
    steps = len(data.x)
    compare(where, steps, {"h": h[1:]}, {"h": states})
    own = np.concatenate([exact.h0[None], np.asarray(states, np.float64)])
    dx, dW, du, db, _ = op.backward(exact.dh, exact.x, own, exact.W, exact.u, None, exact.activation)
    expected = {"h": h[1:], "x": dx, "W": dW, "u": du, "b": db}
    return compare(where, steps, expected, {"h": states, **gradients})


class Products:
    """The three products of x (rows, D), W (H, D) and da (rows, H), into arrays that are made once."""

    def __init__(self, x: np.ndarray, W: np.ndarray, da: np.ndarray) -> None:
        self.x, self.W, self.da = x, W, da
        self.a, self.dx, self.dW = empty_like(da), empty_like(x), empty_like(W)

    def __call__(self) -> None:
        np.matmul(self.x, self.W.T, out=self.a)
        np.matmul(self.da, self.W, out=self.dx)
        np.matmul(self.da.T, self.x, out=self.dW)
