"""A training iteration, compared with its matrix products alone.

The iteration runs forward, loss, backward, clipping, Adam and the projection of u, without loading
data.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .._cpu.provenance import blas
from ..layers import IndRNN, LastStep, Linear
from ..networks import plain
from ..networks.sequential import Sequential
from ..optim import Adam, clip_norm
from ..optim.losses import softmax_cross_entropy
from ..workspace import Workspace
from .agreement import Agreement, compare
from .cases import Case
from .layer import Products
from .setup import DTYPE, Setup
from .timing import FLOOR, Candidate

ITERATION = "iteration"
CLASSES, CLIP, RATE = 10, 1.0, 2e-4
CHECKED = 50, 8  # steps and samples of the comparison, because the reference is plain NumPy
UPDATES = 2  # iterations of the comparison: the second depends on the first


class Training:
    """Network of a case with one batch, in host memory (`host`) and on the device (`batch`).

    `loss` and `y` are those of the last iteration.
    """

    def __init__(self, case: Case, backend: str = "cpu", dtype: Any = DTYPE, T: int = 0, B: int = 0) -> None:
        rng = np.random.default_rng(0)
        self.net = plain(
            case.D, case.H, CLASSES, case.layers, case.T, case.batchnorm, case.dropout, activation=case.activation,
            backend=backend, dtype=dtype,
        )  # fmt: skip
        x = rng.random((T or case.T, B or case.B, case.D), np.float32)
        self.host = x.astype(dtype), np.asarray(rng.integers(0, CLASSES, x.shape[1]))
        self.batch = tuple(map(self.net.device.bring, self.host))
        self.optimizer, self.work, self.loss = Adam(RATE), Workspace(), 0.0

    def iterate(self, batch: tuple[Any, ...] = ()) -> Any:
        """Run one iteration, on `batch` if not empty, and return the gradient (P,)."""
        net = self.net
        x, labels = batch or self.batch
        self.y, _, tape = net.forward(x, work=self.work)
        self.loss, dy = softmax_cross_entropy(self.y, labels, backend=net.ops)
        grads = net.backward(dy, tape, input_gradient=False)[2]
        clip_norm(grads, CLIP, backend=net.ops)
        self.optimizer.update(net, grads)
        net.project()
        return grads.flat


def prepare(case: Case) -> Setup:
    """Check two iterations against the reference and return the candidates."""
    agreement = check(case)
    training, library = Training(case), blas()
    products = tuple(products_of(training.net, case.T, case.B))

    def multiply() -> None:
        for product in products:
            product()

    note = "compared in float64 over two iterations: in float32 rounding moves units over the kink of relu"
    candidates = {
        ITERATION: Candidate(training.iterate, library=library),
        "its matrix products": Candidate(multiply, FLOOR, library),
    }
    return Setup(candidates, {ITERATION: agreement}, note=note)


def check(case: Case, backend: str = "cpu") -> Agreement:
    """Compare two updates in float64 and the loss in float32 with the reference; raise WrongResult."""
    T, B = min(case.T, CHECKED[0]), min(case.B, CHECKED[1])
    results = []
    for name in ("reference", backend):
        exact, timed = (Training(case, name, dtype, T, B) for dtype in ("float64", DTYPE))
        host = exact.net.device.to_host
        gradients = [host(exact.iterate()) for _ in range(UPDATES)]
        timed.iterate()
        arrays = {f"gradient of update {i + 1}": g for i, g in enumerate(gradients)}
        arrays |= {"loss in float32": np.float32(timed.loss), "parameters": host(exact.net.flat)}
        results.append({name: np.atleast_1d(value) for name, value in arrays.items()})
    return compare(f"{case.name}, {ITERATION}", T, *results)


def products_of(net: Sequential, T: int, B: int) -> Iterator[Products]:
    """Yield the products of each layer with a matrix W, three and for the first layer two (no dx).

    After LastStep a batch has B rows.
    """
    rng, rows = np.random.default_rng(0), T * B
    for i, layer in enumerate(net.layers):
        if isinstance(layer, LastStep):
            rows = B
        if isinstance(layer, (IndRNN, Linear)):
            W = net.params[f"{i}.W"]
            x, da = (rng.standard_normal((rows, size), DTYPE) for size in W.shape[::-1])
            yield Products(x, W, da, input_gradient=i > 0)
