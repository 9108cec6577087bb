"""Curvature of the loss: eigenvalues and traces of the Hessian and of the Gauss-Newton matrix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.sparse.linalg import LinearOperator, eigsh

from .. import _check
from .._types import Array
from ..gradients.curvature import GaussNewton, Hessian, trace
from ..gradients.problem import Problem
from ..networks.sequential import Sequential
from ..tasks import Batch
from .finding import Finding, Table

WHERE = "study.curvature"
LARGEST = 4000  # parameters of a network whose matrices are computed as a whole
TOLERANCE = 1e-4  # of an eigenvalue, relative to the largest one


@dataclass(frozen=True, repr=False, eq=False)
class Curvature(Finding):
    """Result of `curvature` for a network with P parameters.

    Attributes
    ----------
    hessian, gauss_newton : array (K,)
        The K largest eigenvalues in descending order; with K = P all of them.
    lowest : float
        Smallest eigenvalue of the Hessian. The Gauss-Newton matrix has no negative one.
    traces, errors : array (2,)
        Traces of the Hessian and of the Gauss-Newton matrix, and their standard errors, which are 0
        if all eigenvalues are known.
    loss : float
        Loss of the batch.
    parameters : int
        P.
    """

    kind: ClassVar[str] = "curvature"

    hessian: Array
    gauss_newton: Array
    lowest: float
    traces: Array
    errors: Array
    loss: float
    parameters: int
    title: str = ""

    def words(self) -> str:
        """Return the range of the Hessian's eigenvalues, the largest of Gauss-Newton, and both traces."""
        return (
            f"the eigenvalues of the Hessian reach from {self.lowest:.3g} to {self.hessian[0]:.3g}, those of the "
            f"Gauss-Newton matrix to {self.gauss_newton[0]:.3g}; the traces are {self.traces[0]:.3g} and "
            f"{self.traces[1]:.3g} ({self.parameters:,} parameters, loss {self.loss:.3g})"
        )

    def table(self) -> Table:
        """Return one row for each eigenvalue, then the smallest one, the trace and its standard error."""
        ranks = [f"eigenvalue {k}" for k in range(1, len(self.hessian) + 1)]
        columns = {"Hessian": (self.hessian, self.lowest), "Gauss-Newton": (self.gauss_newton, np.nan)}
        return {"number": [*ranks, "smallest eigenvalue", "trace", "standard error of the trace"]} | {
            name: [*values, lowest, self.traces[i], self.errors[i]]
            for i, (name, (values, lowest)) in enumerate(columns.items())
        }


def curvature(
    net: Sequential, batch: Batch, loss: str | None = None, eigenvalues: int | None = 3, probes: int = 16,
    title: str = "",
) -> Curvature:  # fmt: skip
    """Measure the curvature of the loss of one batch along all directions of the parameters.

    The network is not changed. All numbers are computed in float64, with a copy of the network.

    Parameters
    ----------
    net : Sequential
        Network on a CPU backend, without gated cells and batch norm.
    batch : Batch
        Batch of a task. Samples start from the initial state.
    loss : str, optional
        Name of the loss. By default by the dtype of the target.
    eigenvalues : int, optional
        Number of eigenvalues, the largest ones. None: all, for at most 4000 parameters.
    probes : int
        Random vectors of the estimate of a trace.
    title : str
        Title of the figures.

    Raises
    ------
    ValueError
        If a layer has no second derivative, or the network is too large for all eigenvalues.

    Notes
    -----
    Along a direction v of unit length the loss changes by gᵀv s + ½ vᵀHv s² over a distance s.
    H = G + Σ_k (∂L/∂y_k) ∂²y_k/∂p², with G = Jᵀ H_L J the Gauss-Newton matrix. Eigenvalues are
    those of `scipy.sparse.linalg.eigsh` (Lanczos). A trace is the sum of the largest eigenvalues and
    an estimate of the rest (`curvature.trace`, Hutchinson). The iteration for an eigenvalue ends at
    a residual of 1e-4 of it, and that for the smallest one at 1e-4 of the range of all of them.

    Examples
    --------
    >>> import indrnn_np as ir
    >>> subject = ir.study.from_settings("adding", steps=10, hidden=4)
    >>> found = ir.study.curvature(subject.net, subject.batch())
    >>> found.hessian.shape, bool(found.gauss_newton.min() > 0)
    ((3,), True)
    """
    if eigenvalues is None and net.size > LARGEST:
        problem = f"eigenvalues is None for a network of {net.size} parameters"
        because = f"because all of them need {net.size} products; at most {LARGEST} parameters"
        _check.fail(WHERE, problem, "a number of eigenvalues", because)
    if eigenvalues is not None:
        _check.between(WHERE, "eigenvalues", eigenvalues, 1, net.size)
    exact = net.astype("float64")
    point = Problem(WHERE, exact, batch.x, batch.target, loss, batch.lengths, batch.mask)
    hessian = Hessian(point)
    H, *trace_H = _measured(hessian, eigenvalues, probes)
    G, *trace_G = _measured(GaussNewton(point), eigenvalues, probes)
    lowest = float(H[-1]) if eigenvalues is None else _lowest(hessian, H[0])
    traces, errors = np.array([trace_H, trace_G]).T
    return Curvature(H, G, lowest, traces, errors, point.value, net.size, title)


def _measured(operator: LinearOperator, count: int | None, probes: int) -> tuple[Array, float, float]:
    """Return the `count` largest eigenvalues in descending order, the trace and its standard error.

    The trace is the sum of these eigenvalues, and the estimated trace of the rest of the operator,
    which is projected on the complement of their eigenvectors.
    """
    P = operator.shape[0]
    if count is None:
        dense = operator @ np.eye(P)
        values = np.linalg.eigvalsh((dense + dense.T) / 2)[::-1]
        return values, float(values.sum()), 0.0
    values, V = eigsh(operator, count, which="LA", v0=_start(P), tol=TOLERANCE)

    def rest(v: Array) -> Array:
        return operator.matvec(v - V @ (V.T @ v))

    estimate, error = trace(_operator(P, rest), probes)
    return np.sort(values)[::-1], float(values.sum()) + estimate, error


def _lowest(operator: LinearOperator, largest: float) -> float:
    """Return the smallest eigenvalue, which has the largest absolute value in A - λ_max."""
    P = operator.shape[0]
    shifted = _operator(P, lambda v: operator.matvec(v) - largest * v)
    values = eigsh(shifted, 1, which="LM", v0=_start(P), tol=TOLERANCE, return_eigenvectors=False)
    return largest + float(values[0])


def _operator(P: int, product: Callable[[Array], Array]) -> LinearOperator:
    return LinearOperator((P, P), product, dtype=np.float64)


def _start(P: int) -> Array:
    """Return the first vector of the iteration, the same in each call."""
    return np.random.default_rng(0).standard_normal(P)
