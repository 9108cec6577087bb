"""Four ways to keep |u| within its bound, and what becomes of the same run with each."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .. import _check
from ..sequential import Sequential
from ..tasks import Task
from ..training.metrics import loss_of
from ..workspace import Workspace
from .finding import Finding, Table

WHERE = "study.clipping"
PROJECTION, GRAPH, PENALTY, NONE = WAYS = ("projection", "graph", "penalty", "none")
QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)
Observer = Callable[[str, int, float], None]
Recurrent = Mapping[str, tuple[np.ndarray, float]]  # each u by name, as it is now, with its bound


@dataclass(frozen=True, repr=False, eq=False)
class Clipping(Finding):
    """What `clipping` saw: W ways, I updates.

    ways (W,): names. loss, norm (W, I): loss of the task and gradient norm before each update, with what the way adds.
    quantiles (W, I + 1, 5): of |u| over its bound, all neurons together, smallest, quartiles and largest, before the
    first update and after each; outside (W, I + 1): the share of neurons above the bound. visited (W,): neurons that
    were outside at any time; returned (W,): those of them inside at the end. diverged (W,): the update that met a loss,
    a gradient or a parameter that is not finite, counted from 1, where the way's run ends (NaN from there on); -1:
    none. neurons: how many.
    """

    kind: ClassVar[str] = "clipping"

    ways: tuple[str, ...]
    loss: np.ndarray
    norm: np.ndarray
    quantiles: np.ndarray
    outside: np.ndarray
    visited: np.ndarray
    returned: np.ndarray
    diverged: np.ndarray
    neurons: int
    title: str = ""

    def final(self, share: float = 0.1) -> np.ndarray:
        """The mean loss over the last updates, a tenth of all, (W,); NaN for a way whose run ended before."""
        return self.loss[:, -max(1, round(share * self.loss.shape[1])) :].mean(axis=1)

    def words(self) -> str:
        """Each way's loss at the end, and how many neurons were outside and stayed there."""
        told = []
        for w, way in enumerate(self.ways):
            loss = f"loss {self.final()[w]:.3g}"
            if self.diverged[w] >= 0:
                loss = f"diverged at update {self.diverged[w]}"
            stuck = self.visited[w] - self.returned[w]
            told.append(
                f"{way}: {loss}, {self.visited[w]} neurons went outside, {stuck} are there at the end"
            )
        return f"{'; '.join(told)} ({self.neurons} neurons, {self.loss.shape[1]} updates)"

    def table(self) -> Table:
        """A line for each way and update, counted from 1; u as it is after it."""
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
    net: Sequential, task: Task, optimizer: Any, iterations: int, ways: Sequence[str] = WAYS, batch: int = 50,
    strength: float = 1.0, clip_norm: float | None = None, title: str = "", observe: Observer | None = None,
) -> Clipping:  # fmt: skip
    """Train copies of `net` on the same batches, each with another way to bound u; net and optimizer stay as they are.

    projection   u ← clip(u) after each update
    graph        the forward pass uses clip(u); backward, du is 0 where |u| > bound, as clip' says
    penalty      L + λ Σ max(|u| - bound, 0)², so du + 2 λ sign(u) max(|u| - bound, 0); the loss told is L alone
    none         nothing

    Parameters
    ----------
    net
        Its bounds (`net.bounds`) are those that count.
    task
        Where the batches come from; a stream (Batch.carry) goes on with its state.
    optimizer
        A copy of it is used for each run.
    iterations
        Updates of each run.
    ways
        Out of the four above.
    batch
        Samples in a batch.
    strength
        λ.
    clip_norm
        Limit of the gradient's global norm; None: none. Norms are told as they were before.
    title
        Whose finding it is, for pictures.
    observe
        Called with way, updates done and loss after each update, for a progress bar.

    Raises
    ------
    ValueError
        For a network without bounds (constrain=False, or another cell), or an unknown way.
    """
    for way in ways:
        _check.choice(WHERE, "way", way, WAYS)
    _check.at_least(WHERE, "number of ways", len(ways), 1)
    _check.at_least(WHERE, "iterations", iterations, 1)
    _check.at_least(WHERE, "strength", strength, 0.0)
    if not net.bounds:
        because = "because ways to bound u are compared (constrain=True)"
        _check.fail(WHERE, "the network has no bounds", "an IndRNN with a bound on |u|", because)
    runs = []
    for way in ways:
        one = _Run(net.astype(net.dtype), task, copy.deepcopy(optimizer), way, strength, iterations)
        with np.errstate(over="ignore", invalid="ignore"):  # a run that diverges is a finding
            for i in range(iterations):
                if not one.iterate(i, batch, clip_norm):
                    break
                if observe is not None:
                    observe(way, i + 1, float(one.loss[i]))
        runs.append(one)
    stacked = {name: np.stack([getattr(one, name) for one in runs]) for name in ("loss", "norm", "quantiles")}
    return Clipping(
        tuple(ways), **stacked, outside=np.stack([one.outside for one in runs]),
        visited=np.array([one.ever.sum() for one in runs]),
        returned=np.array([(one.ever & ~one.now).sum() for one in runs]),
        diverged=np.array([one.diverged for one in runs]), neurons=runs[0].ever.size, title=title,
    )  # fmt: skip


class _Run:
    """One copy of the network on its way; the arrays are those of Clipping."""

    def __init__(
        self, net: Sequential, task: Task, optimizer: Any, way: str, strength: float, iterations: int
    ) -> None:
        self.net, self.task, self.optimizer, self.way, self.strength = net, task, optimizer, way, strength
        self.loss, self.norm = np.full(iterations, np.nan), np.full(iterations, np.nan)
        self.quantiles = np.full((iterations + 1, len(QUANTILES)), np.nan)
        self.outside = np.full(iterations + 1, np.nan)
        self.diverged = -1
        self._work = Workspace()
        self._state: Any = None
        self.now = np.zeros(sum(net.params[name].shape[0] for name in net.bounds), bool)
        self.ever = self.now.copy()
        self._look(0)

    def iterate(self, i: int, batch: int, clip_norm: float | None) -> bool:
        """One update, or False where a number is not finite."""
        net = self.net
        data, u = self.task.batch(net.iteration, batch), self._recurrent()
        if self.way == GRAPH:
            self._put({name: np.clip(value, -bound, bound) for name, (value, bound) in u.items()})
        y, after, tape = net.forward(
            data.x, self._state if data.carry else None, data.lengths, work=self._work
        )
        self.loss[i], dy = loss_of(self.task.loss, y, data, net.backend)
        grads = net.backward(dy, tape)[2]
        if self.way == GRAPH:
            self._put({name: value for name, (value, _) in u.items()})
        self._change(grads, u)
        self.norm[i] = net.ops.gradient.norm(grads.flat)
        if not (math.isfinite(self.loss[i]) and math.isfinite(self.norm[i])):
            return self._end(i)
        if clip_norm:
            net.ops.gradient.clip_norm(grads.flat, clip_norm)
        self.optimizer.update(net, grads)
        if self.way == PROJECTION:
            net.project()
        self._state = after
        if net.ops.finite.first(net.flat) >= 0:
            return self._end(i)
        self._look(i + 1)
        return True

    def _change(self, grads: Any, u: Recurrent) -> None:
        """What the way makes of du."""
        for name, (value, bound) in u.items():
            du = self.net.ops.to_host(grads[name])
            if self.way == GRAPH:  # clip'(u) = 0 outside
                self.net.ops.assign(grads[name], np.where(np.abs(value) > bound, 0, du))
            if self.way == PENALTY:
                over = np.maximum(np.abs(value) - bound, 0)
                self.net.ops.assign(grads[name], du + 2 * self.strength * np.sign(value) * over)

    def _recurrent(self) -> Recurrent:
        params, host = self.net.params, self.net.ops.to_host
        return {name: (np.array(host(params[name])), bound) for name, bound in self.net.bounds.items()}

    def _put(self, values: Mapping[str, np.ndarray]) -> None:
        for name, value in values.items():
            self.net.ops.assign(self.net.params[name], value)

    def _look(self, i: int) -> None:
        """Where u stands after i updates; its bound is taken in its own dtype, as the projection does."""
        found = [
            np.abs(u.astype(np.float64)) / float(u.dtype.type(bound))
            for u, bound in self._recurrent().values()
        ]
        size = np.concatenate(found)
        self.now = size > 1
        self.ever |= self.now
        self.quantiles[i], self.outside[i] = np.quantile(size, QUANTILES), self.now.mean()

    def _end(self, i: int) -> bool:
        self.diverged = i + 1
        return False
