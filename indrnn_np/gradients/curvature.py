"""Second derivatives of the loss as linear operators over the flat parameters.

    ir.curvature.hessian(net, x, target)         H v = derivative of the gradient along v (forward over reverse)
    ir.curvature.gauss_newton(net, x, target)    G v = Jᵀ (H_L (J v)), J = ∂y/∂p and H_L the Hessian of the loss

Both are a `scipy.sparse.linalg.LinearOperator`, so eigenvalues are calls of SciPy:

    scipy.sparse.linalg.eigsh(ir.curvature.hessian(net, x, target), k=3)

The training pass and its gradients are stored when an operator is made. A product with the Hessian then runs one
tangent pass and one derivative of the backward pass (Pearlmutter 1994).
"""

from __future__ import annotations

import numpy as np
from scipy.sparse.linalg import LinearOperator

from .. import _check
from .._types import Array, ArrayInput
from ..networks.sequential import Sequential
from .problem import Problem
from .second_order import backward_tangent_layers, gradients_of_outputs, without_input_gradient


class Curvature(LinearOperator):
    """Symmetric linear operator (P, P) over the flat parameters of a network."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        super().__init__(problem.net.dtype, (problem.net.size, problem.net.size))

    def _adjoint(self) -> Curvature:
        return self  # the operator is symmetric


class Hessian(Curvature):
    """Hessian of the loss."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self._gradients = gradients_of_outputs(problem.net.layers, problem.dy, problem.tape)

    def _matvec(self, v: Array) -> Array:
        problem = self._problem
        direction, derivative = problem.directions(v), problem.zeros()
        y_dot, tape_dot = problem.tangent(direction)
        dy_dot, layers = problem.loss_curvature(y_dot), problem.net.layers
        tape = without_input_gradient(problem.tape)
        backward_tangent_layers(layers, self._gradients, dy_dot, tape, tape_dot, direction, derivative)
        return derivative.flat


class GaussNewton(Curvature):
    """Generalised Gauss-Newton matrix of the loss."""

    def _matvec(self, v: Array) -> Array:
        y_dot, _ = self._problem.tangent(self._problem.directions(v))
        return self._problem.gradient(self._problem.loss_curvature(y_dot))[2].flat


def hessian(
    net: Sequential,
    x: ArrayInput,
    target: ArrayInput,
    loss: str | None = None,
    *,
    lengths: ArrayInput = None,
    mask: ArrayInput = None,
) -> Hessian:
    """Return the Hessian of the loss with respect to all parameters, as a linear operator.

    Parameters
    ----------
    net : Sequential
        Network on a CPU backend, without gated cells and batch norm. Products use its parameters of now; make
        a new operator after an update.
    x : array (T, B, D) or (T, B)
        Input or symbols.
    target : array
        Labels (B,) or (T, B), or values of the shape of the output.
    loss : str, optional
        "mse", "softmax_cross_entropy" or "binary_cross_entropy". By default by the dtype of the target.
    lengths : int array (B,), optional
        Sequence length of each sample.
    mask : bool array, optional
        Targets that count.

    Returns
    -------
    Hessian
        LinearOperator (P, P). Its dtype is that of the network.

    Raises
    ------
    ValueError
        If a layer has no second derivative; the message names it.

    Notes
    -----
    With c_t = dh_t + u ⊙ δ_{t+1}, δ_t = φ'_t ⊙ c_t, and a dot for the derivative along v:

        ċ_t = ḋh_t + u̇ ⊙ δ_{t+1} + u ⊙ δ̇_{t+1},   δ̇_t = φ̇'_t ⊙ c_t + φ'_t ⊙ ċ_t,   ḋW = Σ δ̇_t x_tᵀ + δ_t ẋ_tᵀ

    relu has φ'' = 0, so the Hessian is that of the piecewise linear function. Pearlmutter 1994, Neural
    Computation 6.

    Examples
    --------
    >>> import numpy as np
    >>> import indrnn_np as ir
    >>> net = ir.plain(1, 3, 1, layers=1, steps=4, dtype="float64")
    >>> x = np.random.default_rng(0).standard_normal((4, 5, 1))
    >>> H = ir.curvature.hessian(net, x, x[-1])
    >>> v, w = np.random.default_rng(1).standard_normal((2, net.size))
    >>> bool(abs(v @ (H @ w) - w @ (H @ v)) < 1e-12)
    True
    """
    problem = Problem("curvature.hessian", net, x, target, loss, lengths, mask)
    operator = Hessian(problem)
    operator @ np.zeros(net.size, net.dtype)  # refuse layers without a second derivative now
    return operator


def gauss_newton(
    net: Sequential,
    x: ArrayInput,
    target: ArrayInput,
    loss: str | None = None,
    *,
    lengths: ArrayInput = None,
    mask: ArrayInput = None,
) -> GaussNewton:
    """Return the generalised Gauss-Newton matrix of the loss, as a linear operator.

    It is positive semidefinite, because the losses are convex in the output.

    Parameters
    ----------
    net, x, target, loss, lengths, mask
        As in `hessian`. Every layer is allowed; batch norm uses the statistics of the batch.

    Returns
    -------
    GaussNewton
        LinearOperator (P, P).

    Notes
    -----
    G v = Jᵀ (H_L (J v)). J v is a tangent pass, Jᵀ a backward pass. H_L is 2/n for mse, and
    (diag(p) - p pᵀ) / n for softmax_cross_entropy. Schraudolph 2002, Neural Computation 14.

    Examples
    --------
    >>> import numpy as np
    >>> import indrnn_np as ir
    >>> net = ir.plain(1, 3, 1, layers=1, steps=4, dtype="float64")
    >>> x = np.random.default_rng(0).standard_normal((4, 5, 1))
    >>> G = ir.curvature.gauss_newton(net, x, x[-1])
    >>> bool(np.linalg.eigvalsh(G @ np.eye(net.size)).min() > -1e-12)
    True
    """
    return GaussNewton(Problem("curvature.gauss_newton", net, x, target, loss, lengths, mask))


def trace(operator: LinearOperator, probes: int = 32, seed: int = 0) -> tuple[float, float]:
    """Estimate the trace of a linear operator by random signs (Hutchinson 1990).

    Parameters
    ----------
    operator : LinearOperator (P, P)
        Operator such as `hessian(...)`.
    probes : int
        Number of random vectors, at least 2.
    seed : int
        Seed of the vectors.

    Returns
    -------
    estimate, error : float
        Mean of v·(A v) over random signs v, and its standard error.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse.linalg import aslinearoperator
    >>> import indrnn_np as ir
    >>> estimate, error = ir.curvature.trace(aslinearoperator(np.diag([1.0, 2.0, 3.0])))
    >>> round(estimate, 6), round(error, 6)
    (6.0, 0.0)
    """
    _check.at_least("curvature.trace", "probes", probes, 2)
    rng, samples = np.random.default_rng(seed), []
    for _ in range(probes):
        v = rng.choice(np.array([-1.0, 1.0], operator.dtype), operator.shape[0])
        samples.append(float(v @ operator.matvec(v)))
    return float(np.mean(samples)), float(np.std(samples, ddof=1) / np.sqrt(probes))
