"""Which neurons of the last recurrent layer make the output."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .. import _check
from ..sequential import Sequential
from ..tasks import Batch
from .finding import Finding, Table
from .states import read_out, rows


@dataclass(frozen=True, repr=False, eq=False)
class Ranking(Finding):
    """What `ranking` measured, the neuron that moves the output most first. S answers, N neurons.

    layer: the name of the last recurrent layer. answers: S. neurons (N,): their numbers. size (N,): mean of
    |contribution|. spread (N,): standard deviation of the contribution over answers, root mean square over outputs.
    alone (N,): the share of the target's variance that the best line through this neuron explains.
    """

    kind: ClassVar[str] = "ranking"

    layer: str
    answers: int
    neurons: np.ndarray
    size: np.ndarray
    spread: np.ndarray
    alone: np.ndarray
    title: str = ""

    @property
    def share(self) -> np.ndarray:
        """(N,): of the sum of all spreads; 0 where nothing moves."""
        total = self.spread.sum()
        return self.spread / total if total > 0 else np.zeros_like(self.spread)

    def words(self) -> str:
        """The first neuron's share, and how many make up nine tenths."""
        first, N = self.neurons[0], len(self.neurons)
        many = int(np.searchsorted(np.cumsum(self.share), 0.9 * self.share.sum()) + 1)
        make = "1 neuron makes" if many == 1 else f"{many} neurons make"
        return (
            f"neuron {first} of layer {self.layer} moves the output most: {self.share[0]:.0%} of what all {N} do, and "
            f"a line through it alone explains {self.alone[0]:.1%} of the target; {make} up 90 %"
        )

    def table(self) -> Table:
        """A line for each neuron, the first one first."""
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
    """Rank the neurons of the last recurrent layer by what they contribute to the output.

    Equation   y_k = b_k + Σ_n c_kn with c_kn = W_kn z_n, z the neurons as the read-out W reads them (behind batch norm)
               spread_n = √(mean_k W_kn²) · std(z_n): a contribution that never changes is one that a bias could make
               alone_n = 1 - min_{w,v} Σ (target - w z_n - v)² / Σ (target - mean)², labels as 0 and 1 for each class
    Raises     ValueError where a weight of the read-out doesn't belong to one neuron (something else stands between)

    Parameters
    ----------
    net
        The network, run as in inference; it stays as it is.
    batches
        A batch of a task, or several.
    most
        Answers to look at; None: all that the batches have.
    title
        Whose neurons they are, for pictures.
    """
    layer, W = read_out("study.ranking", net)
    found = rows(net, [batches] if isinstance(batches, Batch) else batches, most)
    _check.at_least("study.ranking", "the number of answers", len(found.z), 1)
    weight = np.asarray(W, np.float64)
    size = np.abs(weight).mean(axis=0) * np.abs(found.z).mean(axis=0)
    spread = np.sqrt(np.square(weight).mean(axis=0)) * found.z.std(axis=0)
    alone = explained(found.z, one_hot(found.target, len(weight)))
    order = np.argsort(-spread, kind="stable")
    return Ranking(layer, len(found.z), order, size[order], spread[order], alone[order], title)


def one_hot(target: np.ndarray, K: int) -> np.ndarray:
    """Targets (S, K) in float64: labels (S,) as 1 for their class and 0 for the others."""
    if target.dtype.kind in "iu":
        return (target[:, None] == np.arange(K)).astype(np.float64)
    return target.astype(np.float64)


def explained(z: np.ndarray, target: np.ndarray) -> np.ndarray:
    """R² (N,) of the best line through each column of z (S, N) for target (S, K); 0 where either does not change."""
    z, target = z - z.mean(axis=0), target - target.mean(axis=0)
    both, whole = np.square(z.T @ target).sum(axis=1), np.square(z).sum(axis=0) * np.square(target).sum()
    return np.divide(both, whole, out=np.zeros(z.shape[1]), where=whole > 0)
