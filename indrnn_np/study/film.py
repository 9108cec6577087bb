"""An instrument along a training run: one finding every so many updates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _check
from ..sequential import Sequential
from ..tasks import Task
from ..train import fit
from .finding import Finding, Table


@dataclass(frozen=True, repr=False, eq=False)
class Film(Finding):
    """Findings of one kind along one run. iterations (F,): the updates done before each; frames: the F findings."""

    iterations: np.ndarray
    frames: tuple[Finding, ...]
    title: str = ""

    @property
    def kind(self) -> str:  # type: ignore[override]
        """Its drawing in plots: the frames' own, "_film" behind it."""
        return f"{self.frames[0].kind}_film"

    def words(self) -> str:
        """The first and the last frame's."""
        last = self.iterations[-1]
        return (
            f"before training: {self.frames[0].words()}; after {last} iterations: {self.frames[-1].words()}"
        )

    def table(self) -> Table:
        """The tables of all frames, one below another, the iteration in front."""
        tables = [frame.table() for frame in self.frames]
        lengths = [len(next(iter(table.values()))) for table in tables]
        columns: dict[str, Any] = {"iteration": np.repeat(self.iterations, lengths)}
        return columns | {
            name: np.concatenate([np.asarray(table[name]) for table in tables]) for name in tables[0]
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """The frames' arrays stacked along a first axis (F, ...), where their shapes are equal in all of them."""
        found = [frame.arrays() for frame in self.frames]
        named = {"iterations": self.iterations, "title": np.asarray(self.title)}
        return named | {name: np.stack([one[name] for one in found]) for name in found[0] if name != "title"}


def film(
    net: Sequential, task: Task, optimizer: Any, iterations: int, measure: Callable[[Sequential], Finding],
    frames: int = 10, title: str = "", **options: Any,
) -> Film:  # fmt: skip
    """Train `net` on `task` for so many updates and measure it `frames` times on the way, before the first one too.

    measure: takes the network and returns a finding; it must not change the network. The network is trained in place.
    options: further ones of `fit` (batch, schedule, clip_norm, progress, ...).
    """
    _check.at_least("study.film", "iterations", iterations, 1)
    _check.at_least("study.film", "frames", frames, 2)
    due = {round(i) for i in np.linspace(0, iterations, frames)}
    taken: dict[int, Finding] = {}
    start = net.iteration

    def watch(iteration: int) -> None:
        if iteration - start in due:
            taken[iteration] = measure(net)

    fit(net, task, optimizer, iterations=iterations, watch=watch, **options)
    return Film(np.array(list(taken)), tuple(taken.values()), title)
