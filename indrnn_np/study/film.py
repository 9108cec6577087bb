"""An instrument applied at several iterations of a training run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .. import _check
from .._types import Array, Json, Value
from ..networks.sequential import Sequential
from ..optim.optimizers import Optimizer
from ..tasks import Task
from ..training.fit import fit
from .finding import Finding, Table


@dataclass(frozen=True, repr=False, eq=False)
class Film(Finding):
    """Result of `film`.

    Attributes
    ----------
    iterations : array (F,)
        Iterations done before each frame.
    frames : tuple of Finding (F,)
        Findings of one kind.
    """

    iterations: Array
    frames: tuple[Finding, ...]
    title: str = ""

    @property
    def kind(self) -> str:  # type: ignore[override]
        """Name of the function in `plots`: the kind of the frames, followed by "_film"."""
        return f"{self.frames[0].kind}_film"

    def words(self) -> str:
        """Return the sentences of the first and the last frame."""
        first, last = self.frames[0].words(), self.frames[-1].words()
        return f"before training: {first}; after {self.iterations[-1]} iterations: {last}"

    def table(self) -> Table:
        """Return the concatenated tables of all frames, with the iteration as the first column."""
        tables = [frame.table() for frame in self.frames]
        lengths = [len(next(iter(table.values()))) for table in tables]
        columns: Json = {"iteration": np.repeat(self.iterations, lengths)}
        return columns | {
            name: np.concatenate([np.asarray(table[name]) for table in tables]) for name in tables[0]
        }

    def arrays(self) -> dict[str, Array]:
        """Return the arrays of the frames (F, ...), which must have equal shapes."""
        frames = [frame.arrays() for frame in self.frames]
        named = {"iterations": self.iterations, "title": np.asarray(self.title)}
        return named | {
            name: np.stack([frame[name] for frame in frames]) for name in frames[0] if name != "title"
        }


def film(
    net: Sequential, task: Task, optimizer: Optimizer, iterations: int, measure: Callable[[Sequential], Finding],
    frames: int = 10, title: str = "", **options: Value,
) -> Film:  # fmt: skip
    """Train `net` in place and measure it `frames` times, first before training.

    Parameters
    ----------
    net, task, optimizer
        Network, task and optimizer, as in `fit`.
    iterations : int
        Number of iterations.
    measure : callable
        Function that takes the network and returns a finding. It must not change the network.
    frames : int
        Number of measurements, evenly spaced over the iterations; at least 2.
    title : str
        Title of the figures.
    **options
        Further options of `fit` (batch, schedule, clip_norm, progress, ...).

    Raises
    ------
    KeyboardInterrupt
        If Ctrl-C interrupts the training.
    """
    _check.at_least("study.film", "iterations", iterations, 1)
    _check.at_least("study.film", "frames", frames, 2)
    due = {round(i) for i in np.linspace(0, iterations, frames)}
    measured: dict[int, Finding] = {}
    start = net.iteration

    def watch(iteration: int) -> None:
        if iteration - start in due:
            measured[iteration] = measure(net)

    callbacks = options.pop("callbacks", ())
    result = fit(net, task, optimizer, iterations=iterations, callbacks=[watch, *callbacks], **options)
    if result.summary["ended"] == "interrupted" and not callbacks:
        raise KeyboardInterrupt
    return Film(np.array(list(measured)), tuple(measured.values()), title)
