"""Contributions of the last recurrent layer's neurons to the output."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .. import _check
from .._types import Array
from ..networks.sequential import Sequential
from ..tasks import Batch
from .finding import Finding, Table
from .states import outputs, read_out


@dataclass(frozen=True, repr=False, eq=False)
class Ranking(Finding):
    """Result of `ranking` for S outputs (K,) and N neurons, largest spread first.

    Attributes
    ----------
    layer : str
        Name of the last recurrent layer.
    answers : int
        Number S of outputs.
    neurons : array (N,)
        Indices of the neurons.
    size, spread : array (N,)
        Mean of |contribution|, and standard deviation of the contribution over the S outputs, as a
        root mean square over the K components.
    alone : array (N,)
        Share of the variance of the target that a line through this neuron alone explains.
    """

    kind: ClassVar[str] = "ranking"

    layer: str
    answers: int
    neurons: Array
    size: Array
    spread: Array
    alone: Array
    title: str = ""

    @property
    def share(self) -> Array:
        """Share of each neuron in the sum of all spreads, (N,); 0 if that sum is 0."""
        total = self.spread.sum()
        return self.spread / total if total > 0 else np.zeros_like(self.spread)

    def words(self) -> str:
        """Return the share of the first neuron, and the number of neurons that make up 90 %."""
        first, N = self.neurons[0], len(self.neurons)
        count = int(np.searchsorted(np.cumsum(self.share), 0.9 * self.share.sum()) + 1)
        make = "1 neuron makes" if count == 1 else f"{count} neurons make"
        return (
            f"neuron {first} of layer {self.layer} contributes most to the output: {self.share[0]:.0%} of the sum over "
            f"all {N}, and a line through it alone explains {self.alone[0]:.1%} of the target; {make} up 90 %"
        )

    def table(self) -> Table:
        """Return one row for each neuron, in order of rank."""
        return {
            "neuron": self.neurons,
            "mean size of the contribution": self.size,
            "its standard deviation": self.spread,
            "share of the sum": self.share,
            "variance of the target explained alone": self.alone,
        }


def ranking(
    net: Sequential, batches: Batch | Iterable[Batch], most: int | None = None, title: str = ""
) -> Ranking:
    """Rank the neurons of the last recurrent layer by their contributions to the output.

    The network runs as in inference and is not changed.

    Parameters
    ----------
    net : Sequential
        Network.
    batches : Batch or iterable of Batch
        Batches of a task.
    most : int, optional
        Largest number of outputs.
    title : str
        Title of the figures.

    Raises
    ------
    ValueError
        If another layer mixes the neurons before the read-out, so that its weights belong to no
        single neuron.

    Notes
    -----
    y_k = b_k + Σ_n c_kn with contributions c_kn = W_kn z_n; z is the input of the read-out, after
    batch norm. spread_n = √(mean_k W_kn²) · std(z_n), because a bias could replace a constant
    contribution. alone_n = 1 - min_{w,v} Σ (target - w z_n - v)² / Σ (target - mean)², with one-hot
    labels.
    """
    layer, W = read_out("study.ranking", net)
    answers = outputs(net, [batches] if isinstance(batches, Batch) else batches, most)
    _check.at_least("study.ranking", "the number of answers", len(answers.z), 1)
    weight = np.asarray(W, np.float64)
    size = np.abs(weight).mean(axis=0) * np.abs(answers.z).mean(axis=0)
    spread = np.sqrt(np.square(weight).mean(axis=0)) * answers.z.std(axis=0)
    alone = explained(answers.z, one_hot(answers.target, len(weight)))
    order = np.argsort(-spread, kind="stable")
    return Ranking(layer, len(answers.z), order, size[order], spread[order], alone[order], title)


def one_hot(target: Array, K: int) -> Array:
    """Return targets (S, K) in float64; labels (S,) become one-hot rows."""
    if target.dtype.kind in "iu":
        return (target[:, None] == np.arange(K)).astype(np.float64)
    return target.astype(np.float64)


def explained(z: Array, target: Array) -> Array:
    """Return R² (N,) of a line from each column of z (S, N) to target (S, K); 0 if constant."""
    z, target = z - z.mean(axis=0), target - target.mean(axis=0)
    covariance = np.square(z.T @ target).sum(axis=1)
    variances = np.square(z).sum(axis=0) * np.square(target).sum()
    return np.divide(covariance, variances, out=np.zeros(z.shape[1]), where=variances > 0)
