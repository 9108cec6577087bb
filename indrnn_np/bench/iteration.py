"""A whole iteration of training, beside the matrix products that it contains, run alone.

Forward, loss, backward, clipping, Adam and the projection of u: what one batch costs, without its data.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .._about import blas
from ..layers import IndRNN, LastStep, Linear
from ..losses import softmax_cross_entropy
from ..networks import plain
from ..optim import Adam, clip_norm
from ..sequential import Sequential
from ..workspace import Workspace
from .agreement import Agreement, compare
from .cases import Case
from .layer import Products
from .setup import DTYPE, Setup
from .timing import FLOOR, Candidate

ITERATION = "iteration"
CLASSES, CLIP, RATE = 10, 1.0, 2e-4
CHECKED = (
    50,
    8,
)  # steps and samples of the comparison: the reference normalises and multiplies in plain NumPy
UPDATES = 2  # of the comparison: the second reads what the first has changed


class Training:
    """A network of the case, one batch, and an iteration on it.

    host: the batch as NumPy's (x, labels); batch: the same where the backend computes; loss, y: of the last iteration.
    """

    def __init__(self, case: Case, backend: str = "cpu", dtype: Any = DTYPE, T: int = 0, B: int = 0) -> None:
        rng = np.random.default_rng(0)
        self.net = plain(
            case.D, case.H, CLASSES, case.layers, case.T, case.batchnorm, case.dropout, activation=case.activation,
            backend=backend, dtype=dtype,
        )  # fmt: skip
        x = rng.random((T or case.T, B or case.B, case.D), np.float32)
        self.host = x.astype(dtype), np.asarray(rng.integers(0, CLASSES, x.shape[1]))
        self.batch = tuple(map(self.net.ops.bring, self.host))
        self.optimizer, self.work, self.loss = Adam(RATE), Workspace(), 0.0

    def iterate(self, batch: tuple[Any, ...] = ()) -> Any:
        """One update of the parameters, from `batch` if given; returns the gradient, (P,)."""
        net = self.net
        x, labels = batch or self.batch
        self.y, _, tape = net.forward(x, work=self.work)
        self.loss, dy = softmax_cross_entropy(self.y, labels, backend=net.backend)
        grads = net.backward(dy, tape)[2]
        clip_norm(grads, CLIP, backend=net.backend)
        self.optimizer.update(net, grads)
        net.project()
        return grads.flat


def prepare(case: Case) -> Setup:
    """Check two iterations against the reference, then give the candidates."""
    agreement = check(case)
    training, library = Training(case), blas()
    products = tuple(products_of(training.net, case.T, case.B))

    def multiply() -> None:
        for product in products:
            product()

    note = "compared in float64, over two updates: in float32 rounding carries units over relu's kink"
    candidates = {
        ITERATION: Candidate(training.iterate, library=library),
        "its matrix products": Candidate(multiply, FLOOR, library),
    }
    return Setup(candidates, {ITERATION: agreement}, note=note)


def check(case: Case, backend: str = "cpu") -> Agreement:
    """Compare two updates with the reference's in float64, and the loss in float32; WrongResult names what is off."""
    T, B = min(case.T, CHECKED[0]), min(case.B, CHECKED[1])
    found = []
    for name in ("reference", backend):
        exact, timed = (Training(case, name, dtype, T, B) for dtype in ("float64", DTYPE))
        host = exact.net.ops.to_host
        gradients = [host(exact.iterate()) for _ in range(UPDATES)]
        timed.iterate()
        arrays = {f"gradient of update {i + 1}": g for i, g in enumerate(gradients)}
        arrays |= {"loss in float32": np.float32(timed.loss), "parameters": host(exact.net.flat)}
        found.append({name: np.atleast_1d(value) for name, value in arrays.items()})
    return compare(f"{case.name}, {ITERATION}", T, *found)


def products_of(net: Sequential, T: int, B: int) -> Iterator[Products]:
    """The three products of every layer that has a matrix, for a batch (T, B, D); after LastStep one row a sample."""
    rng, rows = np.random.default_rng(0), T * B
    for i, layer in enumerate(net.layers):
        if isinstance(layer, LastStep):
            rows = B
        if isinstance(layer, (IndRNN, Linear)):
            W = net.params[f"{i}.W"]
            x, da = (rng.standard_normal((rows, size), DTYPE) for size in W.shape[::-1])
            yield Products(x, W, da)
