"""Base class of tasks that change the training batches of another task."""

from __future__ import annotations

from collections.abc import Iterator

from .._types import Json
from . import Batch, Task, class_counts


class Wrapped:
    """Another task with all its attributes and evaluations; a subclass has its own `batch`."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.name, self.loss, self.output, self.metric = task.name, task.loss, task.output, task.metric
        self.input_size, self.output_size, self.steps = task.input_size, task.output_size, task.steps
        self.baseline, self.splits = task.baseline, task.splits
        self.class_counts = class_counts.of_task(task)

    def describe(self) -> Json:
        """Return the description of the task."""
        return self.task.describe()

    def epoch_length(self, size: int) -> int | None:
        """Return the number of batches in an epoch, None for unlimited data."""
        return self.task.epoch_length(size)

    def evaluation(self, split: str, size: int, iteration: int = 0) -> Iterator[Batch]:
        """Yield the batches of a split, unchanged."""
        return self.task.evaluation(split, size, iteration)
