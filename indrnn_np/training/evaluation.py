"""Evaluations within a run, and the statistics of batch norm for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from .. import _check
from .._types import Array
from ..networks.sequential import Sequential
from ..tasks import Task
from . import metrics
from .contents import Contents
from .plan import RunPlan

RUNNING = "running"  # name of the array with the running statistics in a checkpoint


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

    @property
    def sets_statistics(self) -> bool:
        """Whether evaluations replace the running statistics."""
        return bool(self.plan.bn_batch and self.net.buffers)

    def set_statistics(self) -> None:
        """Give the network the statistics of an evaluation."""
        if self.sets_statistics:
            metrics.set_statistics(self.net, self.task, self.plan.bn_batch, self.net.iteration)

    @contextmanager
    def statistics(self, evaluated: bool) -> Iterator[dict[str, Array]]:
        """Give an evaluated network the statistics of its evaluation within the block; yield the running ones.

        A checkpoint stores both: commands that load it need those of the evaluation, and `restore_running`
        continues a run with the running ones.
        """
        if not (evaluated and self.sets_statistics):
            yield {}
            return
        running = np.array(self.net.device.to_host(self.net.buffers.flat))
        with metrics.large_batch_statistics(self.net, self.task, self.plan.bn_batch, self.net.iteration):
            yield {RUNNING: running}


def restore_running(contents: Contents, net: Sequential) -> None:
    """Load the running statistics of a checkpoint that holds them beside those of an evaluation."""
    running = contents.caller_arrays.get(RUNNING)
    if running is None:
        return
    label = f"{contents.path}: {RUNNING!r}"
    _check.shape("train", label, running, net.buffers.flat.shape, "as the buffers of the network")
    if running.dtype != net.dtype:
        _check.fail("train", f"{label} has dtype {running.dtype}", f"{net.dtype}", "to match the network")
    _check.finite("train", label, running)
    net.device.assign(net.buffers.flat, running)
