"""Evaluations within a run, and the statistics of batch norm for them."""

from __future__ import annotations

from dataclasses import dataclass

from ..networks.sequential import Sequential
from ..tasks import Task
from . import metrics
from .plan import RunPlan


@dataclass(frozen=True)
class Evaluation:
    """Evaluations of a network on the splits of a task.

    With `plan.bn_batch` batch norm uses the statistics of so many training samples, which depend on
    the iteration; else its running statistics.
    """

    net: Sequential
    task: Task
    plan: RunPlan

    def evaluate(self, split: str) -> dict[str, float]:
        """Return loss and metrics of a split; the network stays as it is."""
        with metrics.large_batch_statistics(self.net, self.task, self.plan.bn_batch, self.net.iteration):
            return self.plan.ranks.first_true(self.means(split))

    def means(self, split: str) -> dict[str, float]:
        """Return loss and metrics of a split with the current statistics of batch norm."""
        plan, iteration = self.plan, self.net.iteration
        batches = self.task.evaluation(split, plan.evaluation_batch, iteration)
        return metrics.evaluate(self.net, batches, plan.loss, plan.metric(self.task), plan.metrics)

    def set_statistics(self) -> bool:
        """Give the network the statistics of an evaluation, and return whether it has changed."""
        changes = bool(self.plan.bn_batch and self.net.buffers)
        if changes:
            metrics.set_statistics(self.net, self.task, self.plan.bn_batch, self.net.iteration)
        return changes
