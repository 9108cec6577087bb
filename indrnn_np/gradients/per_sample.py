"""Gradients of each sample's share of the loss, and what they say about the noise of the gradient."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from .. import _check
from .._types import Array, ArrayInput
from ..networks.sequential import Sequential
from .problem import Problem
from .samples import sample_gradients_of_layers
from .second_order import without_input_gradient

WHERE = "study.per_sample"
STATISTICS = ("batch", "running")


class PerSample:
    """Gradients of the B samples of a batch.

    The loss is a mean over the batch, L = Σ_b L_b, and g_b = ∂L_b/∂p are the gradients here: they add up to the
    gradient of L. The gradients themselves are computed again when they are asked for (`gradients`).

    Attributes
    ----------
    names : tuple of str (N,)
        Names of the parameters.
    squares : array (N, B) of float64
        ‖g_b‖² of each parameter.
    totals : array (N,) of float64
        ‖Σ_b g_b‖² of each parameter.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        gradients = self._gradients()
        self.names = tuple(name for name in problem.net.params if name in gradients)
        flat = [gradients[name].reshape(problem.x.shape[1], -1) for name in self.names]
        self.squares = np.array([np.einsum("bp,bp->b", g, g, dtype=np.float64) for g in flat])
        self.totals = np.array([np.sum(g.sum(axis=0, dtype=np.float64) ** 2) for g in flat])

    @property
    def norms(self) -> Array:
        """Norm ‖g_b‖ over all parameters, (B,)."""
        return np.sqrt(self.squares.sum(axis=0))

    @property
    def samples(self) -> int:
        """Number of samples B."""
        return self.squares.shape[1]

    def gradients(self, names: Iterable[str] | None = None) -> dict[str, Array]:
        """Return g_b of some parameters, by default of all: arrays (B, *shape) by name."""
        gradients = self._gradients()
        chosen = self.names if names is None else tuple(names)
        for name in chosen:
            _check.choice(WHERE, "name", name, self.names)
        return {name: gradients[name] for name in chosen}

    def cosines(self) -> Array:
        """Return the cosine of the gradients of each pair of samples, (B, B); NaN for a gradient of zero."""
        gram = np.zeros((self.samples, self.samples))
        for gradient in self._gradients().values():
            rows = gradient.reshape(self.samples, -1).astype(np.float64)
            gram += rows @ rows.T
        norms = np.sqrt(np.diag(gram))
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.clip(gram / norms[:, None] / norms, -1.0, 1.0)

    def variance(self) -> Array:
        """Return an unbiased estimate of tr Σ of each parameter, (N,), with Σ the covariance of B g_b."""
        B = self.samples
        if B < 2:
            _check.fail(WHERE, f"the batch has {B} sample", "at least 2", "to estimate a variance")
        return np.maximum(0.0, (B * self.squares.sum(axis=1) - self.totals) * B / (B - 1))

    def signal(self) -> Array:
        """Return an unbiased estimate of the squared norm of the expected gradient of each parameter, (N,)."""
        return self.totals - self.variance() / self.samples

    def noise_scale(self) -> float:
        """Return tr Σ / |g|², the batch size at which noise and gradient have the same size; inf without a signal."""
        signal = float(self.signal().sum())
        return float(self.variance().sum()) / signal if signal > 0 else float("inf")

    def signal_to_noise(self) -> dict[str, float]:
        """Return the norm of the gradient over the standard deviation of the batch mean, for each parameter."""
        noise = np.sqrt(self.variance() / self.samples)
        return {
            name: float(np.sqrt(total) / n) if n else float("inf")
            for name, total, n in zip(self.names, self.totals, noise, strict=True)
        }

    def _gradients(self) -> dict[str, Array]:
        """Return g_b of all parameters by name."""
        problem = self._problem
        tape = without_input_gradient(problem.tape)
        _, gradients = sample_gradients_of_layers(problem.net.layers, problem.dy, tape)
        for name in [name for name in gradients if name.startswith("/")]:  # of another layer (Tied)
            gradients[name[1:]] = gradients[name[1:]] + gradients.pop(name)
        return gradients

    def __repr__(self) -> str:
        return (
            f"<PerSample of {self.samples} samples, norms {self.norms.min():.3g} to {self.norms.max():.3g}>"
        )


def per_sample(
    net: Sequential,
    x: ArrayInput,
    target: ArrayInput,
    loss: str | None = None,
    *,
    lengths: ArrayInput = None,
    mask: ArrayInput = None,
    statistics: str = "batch",
) -> PerSample:
    """Return the gradients of each sample's share of the loss.

    Parameters
    ----------
    net : Sequential
        Network on a CPU backend. It does not change.
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
    statistics : {"batch", "running"}
        Statistics of batch norm. With those of the batch a sample has no gradient of its own, so a network with
        batch norm needs "running".

    Returns
    -------
    PerSample

    Raises
    ------
    ValueError
        If a layer mixes samples.

    Notes
    -----
    In an IndRNN layer du_b = Σ_t da_t ⊙ h_{t-1} and db_b = Σ_t da_t exist per sample before they are added, and
    dW_b = Σ_t da_t x_tᵀ is a batched product. The noise scale is the simple one of McCandlish et al. 2018,
    arXiv:1812.06162, eq. 2.9.

    Examples
    --------
    >>> import numpy as np
    >>> import indrnn_np as ir
    >>> net = ir.plain(1, 3, 1, layers=1, steps=4, dtype="float64")
    >>> x = np.random.default_rng(0).standard_normal((4, 5, 1))
    >>> samples = ir.study.per_sample(net, x, x[-1])
    >>> {name: g.shape for name, g in samples.gradients(["0.W", "0.u"]).items()}
    {'0.W': (5, 3, 1), '0.u': (5, 3)}
    """
    _check.choice(WHERE, "statistics", statistics, STATISTICS)
    return PerSample(Problem(WHERE, net, x, target, loss, lengths, mask, running=statistics == "running"))
