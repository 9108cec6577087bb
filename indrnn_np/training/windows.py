"""Batches cut into windows of time steps, one for each update of a run with `update_every`.

An iteration is one update, so window w of n in batch i belongs to iteration n i + w. Every window
but the first continues the stream of the window before it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .. import _check
from .._types import Array
from ..tasks import Batch, Task
from ..tasks.wrapped import Wrapped

WHERE = "train"


class Windows(Wrapped):
    """A task whose training batches are windows of `every` time steps; evaluations read whole sequences.

    Parameters
    ----------
    task : Task
        Task with a target for every time step.
    every : int
        Time steps in a window; the last window of a batch may be shorter.
    """

    def __init__(self, task: Task, every: int) -> None:
        if task.output == "last":
            because = "because the loss reads the last time step only, so no earlier step has a gradient"
            _check.fail(WHERE, f"update_every is {every} for task {task.name!r}", "0", because)
        if every >= task.steps:
            because = f"because a sequence has {task.steps} time steps; 0 makes an update at its end"
            _check.fail(WHERE, f"update_every is {every}", f"less than {task.steps}", because)
        super().__init__(task)
        self.every, self.count = every, -(-task.steps // every)

    def epoch_length(self, size: int) -> int | None:
        """Return the number of windows in an epoch, None for unlimited data."""
        batches = self.task.epoch_length(size)
        return None if batches is None else self.count * batches

    def batch(self, iteration: int, size: int) -> Batch:
        """Return the window of an iteration."""
        number, window = divmod(iteration, self.count)
        batch = self.task.batch(number, size)
        if len(batch.x) != self.steps:
            because = "because all batches have the same number of windows"
            problem = f"batch {number} of task {self.name!r} has {len(batch.x)} time steps"
            _check.fail(WHERE, problem, f"{self.steps}, the steps of the task", because)
        steps = slice(window * self.every, (window + 1) * self.every)

        def part(array: Array | None) -> Array | None:
            return None if array is None else array[steps]

        lengths = batch.lengths
        if lengths is not None:
            lengths = np.clip(lengths - steps.start, 0, len(batch.x[steps]))
        return replace(
            batch, x=batch.x[steps], target=batch.target[steps], lengths=lengths, mask=part(batch.mask),
            recalled=part(batch.recalled), carry=batch.carry or window > 0,
        )  # fmt: skip


def cut(task: Task, every: int) -> Task:
    """Return the task in windows of `every` time steps; 0 returns the task itself."""
    return Windows(task, every) if every else task
