"""Four ways to bound the recurrent weight u, compared on the same training run."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .. import _check
from .._types import Array, State
from ..networks.sequential import Sequential
from ..optim.optimizers import Optimizer
from ..parameters import Views
from ..tasks import Task
from ..training.metrics import loss_of
from ..workspace import Workspace
from .finding import Finding, Table

WHERE = "study.clipping"
PROJECTION, GRAPH, PENALTY, NONE = WAYS = ("projection", "graph", "penalty", "none")
QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)
Observer = Callable[[str, int, float], None]
Recurrent = Mapping[str, tuple[Array, float]]  # by name: the current value of u and its bound


@dataclass(frozen=True, repr=False, eq=False)
class Clipping(Finding):
    """Result of `clipping` for W ways and I iterations.

    Attributes
    ----------
    ways : tuple of str (W,)
        Names of the ways.
    loss, norm : array (W, I)
        Task loss and gradient norm before each iteration; the norm includes the penalty.
    quantiles : array (W, I + 1, 5)
        Minimum, quartiles and maximum of |u| / bound before the first iteration and after each one.
    outside : array (W, I + 1)
        Share of neurons above the bound.
    visited, returned : array (W,)
        Number of neurons that were outside at any time, and of these inside at the end.
    diverged : array (W,)
        Iteration, from 1, at which a value was not finite and the run ended; -1: none.
    neurons : int
        Number of neurons.
    """

    kind: ClassVar[str] = "clipping"

    ways: tuple[str, ...]
    loss: Array
    norm: Array
    quantiles: Array
    outside: Array
    visited: Array
    returned: Array
    diverged: Array
    neurons: int
    title: str = ""

    def final(self, share: float = 0.1) -> Array:
        """Return the mean loss (W,) over the last `share` of the iterations, NaN if diverged."""
        return self.loss[:, -max(1, round(share * self.loss.shape[1])) :].mean(axis=1)

    def words(self) -> str:
        """Return the final loss of each way, and how many neurons left the bound and stayed out."""
        sentences = []
        for w, way in enumerate(self.ways):
            loss = f"loss {self.final()[w]:.3g}"
            if self.diverged[w] >= 0:
                loss = f"diverged at iteration {self.diverged[w]}"
            left, outside = f"{self.visited[w]} neurons left the bound", self.visited[w] - self.returned[w]
            sentences.append(f"{way}: {loss}, {left}, {outside} are outside at the end")
        return f"{'; '.join(sentences)} ({self.neurons} neurons, {self.loss.shape[1]} iterations)"

    def table(self) -> Table:
        """Return one row for each way and iteration, from 1, with |u| after the iteration."""
        W, rounds = self.loss.shape
        return {
            "way": np.repeat(self.ways, rounds),
            "update": np.tile(np.arange(1, rounds + 1), W),
            "loss": self.loss.ravel(),
            "gradient norm": self.norm.ravel(),
            "median of |u| / bound": self.quantiles[:, 1:, 2].ravel(),
            "largest |u| / bound": self.quantiles[:, 1:, 4].ravel(),
            "share outside": self.outside[:, 1:].ravel(),
        }


def clipping(
    net: Sequential, task: Task, optimizer: Optimizer, iterations: int, ways: Sequence[str] = WAYS, batch: int = 50,
    strength: float = 1.0, clip_norm: float | None = None, title: str = "", observe: Observer | None = None,
) -> Clipping:  # fmt: skip
    """Train copies of `net` on the same batches, each with another way to bound u.

    projection   u ← clip(u) after each update
    graph        the forward pass uses clip(u); du = 0 where |u| > bound, because clip'(u) = 0
    penalty      L + λ Σ max(|u| - bound, 0)²; the reported loss is L alone
    none         u is not bounded

    The network and the optimizer are not changed.

    Parameters
    ----------
    net : Sequential
        Network; `net.bounds` holds the bounds on |u|.
    task : Task
        Source of the batches.
    optimizer : Optimizer
        Each run uses a copy.
    iterations : int
        Iterations of each run.
    ways : sequence of str
        Names of the ways to compare.
    batch : int
        Samples in a batch.
    strength : float
        Factor λ of the penalty.
    clip_norm : float, optional
        Limit of the global gradient norm. Reported norms are those before clipping.
    title : str
        Title of the figures.
    observe : callable, optional
        Called after each iteration with the way, the number of iterations done and the loss.

    Raises
    ------
    ValueError
        If the network has no bounds (constrain=False, u_form="exp", or another cell), or a way is unknown.
    """
    for way in ways:
        _check.choice(WHERE, "way", way, WAYS)
    _check.at_least(WHERE, "number of ways", len(ways), 1)
    _check.at_least(WHERE, "iterations", iterations, 1)
    _check.at_least(WHERE, "strength", strength, 0.0)
    if not net.bounds:
        because = "because ways to bound u are compared (constrain=True, u_form='projected')"
        _check.fail(WHERE, "the network has no bounds", "an IndRNN with a bound on |u|", because)
    runs = []
    for way in ways:
        run = _Run(net.astype(net.dtype), task, copy.deepcopy(optimizer), way, strength, iterations)
        with np.errstate(over="ignore", invalid="ignore"):  # a run may diverge
            for i in range(iterations):
                if not run.iterate(i, batch, clip_norm):
                    run.diverged = i + 1
                    break
                if observe is not None:
                    observe(way, i + 1, float(run.loss[i]))
        runs.append(run)
    names = ("loss", "norm", "quantiles", "outside", "diverged")
    return Clipping(
        tuple(ways), **{name: np.stack([getattr(run, name) for run in runs]) for name in names},
        visited=np.array([run.visited.sum() for run in runs]),
        returned=np.array([(run.visited & ~run.beyond).sum() for run in runs]),
        neurons=runs[0].visited.size, title=title,
    )  # fmt: skip


class _Run:
    """Training run with one way to bound u; its arrays are those of Clipping."""

    def __init__(
        self, net: Sequential, task: Task, optimizer: Optimizer, way: str, strength: float, iterations: int
    ) -> None:
        self.net, self.task, self.optimizer, self.way, self.strength = net, task, optimizer, way, strength
        self.loss, self.norm = np.full(iterations, np.nan), np.full(iterations, np.nan)
        self.quantiles = np.full((iterations + 1, len(QUANTILES)), np.nan)
        self.outside = np.full(iterations + 1, np.nan)
        self.diverged = -1
        self._work = Workspace()
        self._state: State = None
        # Neurons whose |u| is above the bound, and neurons that were there at any time.
        self.beyond = np.zeros(sum(net.params[name].shape[0] for name in net.bounds), bool)
        self.visited = self.beyond.copy()
        self._measure(0)

    def iterate(self, i: int, batch: int, clip_norm: float | None) -> bool:
        """Run one iteration; return False if a number is not finite."""
        net = self.net
        data, u = self.task.batch(net.iteration, batch), self._recurrent()
        if self.way == GRAPH:
            self._put({name: np.clip(value, -bound, bound) for name, (value, bound) in u.items()})
        y, after, tape = net.forward(
            data.x, self._state if data.carry else None, data.lengths, work=self._work
        )
        self.loss[i], dy = loss_of(self.task.loss, y, data, net.ops)
        grads = net.backward(dy, tape)[2]
        if self.way == GRAPH:
            self._put({name: value for name, (value, _) in u.items()})
        self._change(grads, u)
        self.norm[i] = net.ops.gradient.norm(grads.flat)
        if not (math.isfinite(self.loss[i]) and math.isfinite(self.norm[i])):
            return False
        if clip_norm:
            net.ops.gradient.clip_norm(grads.flat, clip_norm)
        self.optimizer.update(net, grads)
        if self.way == PROJECTION:
            net.project()
        self._state = after
        if net.ops.finite.first(net.flat) >= 0:
            return False
        self._measure(i + 1)
        return True

    def _change(self, grads: Views, u: Recurrent) -> None:
        """Change du outside the bound: 0 for "graph", + 2 λ sign(u) (|u| - bound) for "penalty"."""
        for name, (value, bound) in u.items():
            du = self.net.device.to_host(grads[name])
            if self.way == GRAPH:  # clip'(u) = 0 outside
                self.net.device.assign(grads[name], np.where(np.abs(value) > bound, 0, du))
            if self.way == PENALTY:
                over = np.maximum(np.abs(value) - bound, 0)
                self.net.device.assign(grads[name], du + 2 * self.strength * np.sign(value) * over)

    def _recurrent(self) -> Recurrent:
        """Return copies of the recurrent weights with their bounds."""
        params, host = self.net.params, self.net.device.to_host
        return {name: (np.array(host(params[name])), bound) for name, bound in self.net.bounds.items()}

    def _put(self, values: Mapping[str, Array]) -> None:
        for name, value in values.items():
            self.net.device.assign(self.net.params[name], value)

    def _measure(self, i: int) -> None:
        """Record |u| / bound after i iterations; the bound has the dtype of u, as projected."""
        weights = self._recurrent().values()
        ratios = np.concatenate([np.abs(u.astype(np.float64)) / float(u.dtype.type(b)) for u, b in weights])
        self.beyond = ratios > 1
        self.visited |= self.beyond
        self.quantiles[i], self.outside[i] = np.quantile(ratios, QUANTILES), self.beyond.mean()
