"""Size of an update: |update| / |parameter|, distance from the start, and the gradient's entries."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .. import _check
from .._types import Array
from ..networks.sequential import Sequential
from ..optim.optimizers import Optimizer
from ..parameters import Views
from ..tasks import Batch
from .finding import Finding, Table
from .objective import Loss, loss_and_gradient

WHERE = "study.updates"
EDGES = np.logspace(-16, 4, 81)  # of the histogram: quarters of a decade


@dataclass(frozen=True, repr=False, eq=False)
class Updates(Finding):
    """Result of `updates` for N parameters.

    Attributes
    ----------
    names : tuple of str (N,)
        Names of the parameters.
    sizes : array (N,)
        Numbers of their entries.
    updates, norms : array (N,)
        Norm of the change of each parameter by the update, and its norm before.
    gradients : array (N,)
        Norm of the gradient, after clipping.
    distances : array (N,)
        Norm of the difference to the start before the update, NaN without a start.
    edges : array (E + 1,)
        Edges of the histogram's bins.
    counts : array (N, E) of int
        Histogram of |g| over the entries of the gradient that are not zero. Entries beyond the
        edges count in the outer bins.
    zeros : array (N,) of int
        Number of entries of the gradient that are exactly zero.
    lr : float
        Learning rate of the update.
    """

    kind: ClassVar[str] = "updates"

    names: tuple[str, ...]
    sizes: Array
    updates: Array
    norms: Array
    gradients: Array
    distances: Array
    edges: Array
    counts: Array
    zeros: Array
    lr: float
    title: str = ""

    @property
    def ratios(self) -> Array:
        """|update| / |parameter|, (N,); NaN for a parameter of zeros."""
        return np.divide(self.updates, self.norms, out=np.full(len(self.norms), np.nan), where=self.norms > 0)

    def words(self) -> str:
        """Return the range of |update| / |parameter|, and the share of zeros in the gradient."""
        zeros = f"{100 * self.zeros.sum() / self.sizes.sum():.3g} % of the gradient's entries are zero"
        if np.isnan(self.ratios).all():
            return f"all parameters are zero; {zeros}"
        low, high = int(np.nanargmin(self.ratios)), int(np.nanargmax(self.ratios))
        return (
            f"|update| / |parameter| is between {self.ratios[low]:.3g} ({self.names[low]}) and "
            f"{self.ratios[high]:.3g} ({self.names[high]}) at a learning rate of {self.lr:.3g}; {zeros}"
        )

    def table(self) -> Table:
        """Return one row for each parameter."""
        return {
            "parameter": list(self.names),
            "entries": self.sizes,
            "norm": self.norms,
            "norm of the update": self.updates,
            "update / norm": self.ratios,
            "norm of the gradient": self.gradients,
            "zeros in the gradient": self.zeros,
            "distance from the start": self.distances,
        }


def updates(
    net: Sequential, batch: Batch, optimizer: Optimizer, loss: Loss = None, clip_norm: float = 0.0,
    clip_value: float = 0.0, lr: float | None = None, start: Mapping[str, Array] | None = None, title: str = "",
) -> Updates:  # fmt: skip
    """Measure the update that the optimizer would make next, with copies of network and optimizer.

    Neither the network nor the optimizer is changed.

    Parameters
    ----------
    net : Sequential
        Network; it runs as in training.
    batch : Batch
        Batch of the update. Samples start from the initial state.
    optimizer : Optimizer
        Optimizer with its moments.
    loss
        Loss to differentiate, as in `objective.loss_and_gradient`.
    clip_norm, clip_value : float
        Limits of the gradient's norm and of its elements, as in `fit`; 0 is no limit.
    lr : float, optional
        Learning rate. By default that of the optimizer.
    start : mapping of str to array, optional
        Parameters from which distances are measured, such as `net.state_dict()` before training.
    title : str
        Title of the figures.

    Notes
    -----
    |update| = |p' - p|, with p' after the optimizer and the projection of u. For SGD without
    momentum and projection it is lr |g|. Adam's first update is lr for each entry with a gradient,
    whatever its size, so lr √size for a parameter (Kingma & Ba 2015, arXiv:1412.6980).

    Examples
    --------
    >>> import indrnn_np as ir
    >>> subject = ir.study.from_settings("adding", steps=10, hidden=4)
    >>> found = ir.study.updates(subject.net, subject.batch(), ir.SGD(0.1))
    >>> bool(abs(found.updates[0] / found.gradients[0] - 0.1) < 1e-4)
    True
    """
    other, used = net.astype(net.dtype), copy.deepcopy(optimizer)
    used.load_state_dict(optimizer.state_dict())  # binds the moments to the copy of the network
    used.lr = optimizer.lr if lr is None else _check.at_least(WHERE, "lr", lr, 0.0)
    y, _, tape = other.forward(batch.x, lengths=batch.lengths)
    dy = loss_and_gradient(WHERE, other, y, batch.target, loss, batch.lengths, batch.mask)[1]
    grads = other.backward(dy, tape, input_gradient=False)[2]
    if clip_value:
        other.ops.gradient.clip_value(grads.flat, clip_value)
    if clip_norm:
        other.ops.gradient.clip_norm(grads.flat, clip_norm)
    g, before = _arrays(other, grads), _arrays(other, other.params)
    used.update(other, grads)
    other.project()
    after = _arrays(other, other.params)
    distances = [np.nan if start is None else _norm(p - start[name]) for name, p in before.items()]
    return Updates(
        tuple(before), np.array([p.size for p in before.values()]),
        np.array([_norm(after[name] - p) for name, p in before.items()]),
        np.array([_norm(p) for p in before.values()]), np.array([_norm(each) for each in g.values()]),
        np.array(distances), EDGES, np.stack([_histogram(each) for each in g.values()]),
        np.array([np.count_nonzero(each == 0) for each in g.values()]), used.lr, title,
    )  # fmt: skip


def _histogram(g: Array) -> Array:
    """Return the counts of |g| without zeros, (E,)."""
    return np.histogram(np.clip(np.abs(g[g != 0]), EDGES[0], EDGES[-1]), EDGES)[0]


def _arrays(net: Sequential, views: Views | Mapping[str, Array]) -> dict[str, Array]:
    """Return copies in float64 by name."""
    return {name: net.device.to_host(array).astype(np.float64) for name, array in views.items()}


def _norm(array: Array) -> float:
    return float(np.sqrt(np.square(array).sum()))
