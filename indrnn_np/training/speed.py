"""Measure the speed of a run: its minutes, or how many iterations end within a number of minutes."""

from __future__ import annotations

import copy
import itertools
import time
from dataclasses import dataclass

from .. import _check
from ..networks.sequential import Sequential
from ..optim.optimizers import Optimizer
from ..tasks import Batch, Task
from ..workspace import Workspace
from . import metrics, room
from .plan import RunPlan
from .step import step_of

WARM = 2  # updates before the clock starts: they compile kernels and allocate buffers
SHARE = 0.05  # of the minutes, which the measured updates take at least


@dataclass(frozen=True)
class Speed:
    """Seconds of an update, and of an evaluation of each split; 0 for a split that the task lacks."""

    update: float
    validation: float
    test: float

    def each(self, plan: RunPlan) -> float:
        """Return the mean seconds of an iteration, with its share of a validation."""
        return self.update + (self.validation / plan.validate_every if plan.validate_every else 0.0)

    def run(self, plan: RunPlan) -> float:
        """Return the seconds of a whole run, with the evaluations at its end."""
        return plan.iterations * self.each(plan) + self.validation + self.test


def measure(least: float, net: Sequential, task: Task, optimizer: Optimizer, plan: RunPlan) -> Speed:
    """Train copies of the network and the optimizer for `least` seconds, and time a batch of each evaluation.

    At least three updates are timed.
    """
    room.check(net, task, optimizer, plan)
    net, optimizer = copy.deepcopy(net), copy.deepcopy(optimizer)
    update = _seconds_of_update(least, net, task, optimizer, plan)
    validation, test = (
        _seconds_of_evaluation(net, task, split, plan) if split in task.splits else 0.0
        for split in ("validation", "test")
    )
    return Speed(update, validation, test)


def iterations_in(minutes: float, net: Sequential, task: Task, optimizer: Optimizer, plan: RunPlan) -> int:
    """Return the number of iterations that end within `minutes`, with the evaluations of the run.

    The measurement takes a twentieth of the time and counts as part of the run. All ranks of a run
    return the same number.

    Raises
    ------
    ValueError
        If not even one iteration fits into the time.
    """
    start = time.perf_counter()
    speed = measure(60 * SHARE * minutes, net, task, optimizer, plan)
    each, end = speed.each(plan), speed.validation + speed.test
    left = 60 * minutes - (time.perf_counter() - start) - end
    if plan.ranks.first_true(left < each):
        problem = f"minutes is {minutes:g}, and an iteration takes {each:.3g} s, the evaluations at the end"
        expected = "more minutes, or --iterations"
        _check.fail("train", f"{problem} {end:.3g} s", expected)
    return plan.ranks.first_true(int(left / each))


def _seconds_of_update(
    least: float, net: Sequential, task: Task, optimizer: Optimizer, plan: RunPlan
) -> float:
    """Return the mean seconds of an update, measured for `least` seconds and at least three updates."""
    step, start = step_of(net, optimizer, plan, Workspace()), 0.0
    for number in itertools.count():
        if number == WARM:
            start = time.perf_counter()
        done = number - WARM
        if done >= 3 and plan.ranks.first_true(time.perf_counter() - start >= least):
            return (time.perf_counter() - start) / done
        net.iteration = number
        step.begin(task.batch(number, plan.batch), None)()
    raise AssertionError("not reached")


def _seconds_of_evaluation(net: Sequential, task: Task, split: str, plan: RunPlan) -> float:
    """Return the seconds of an evaluation, from the time of its first batch."""
    batches = task.evaluation(split, plan.evaluation_batch)
    first = next(batches)
    count = 1 + sum(1 for _ in batches)
    _evaluate(net, first, task, plan)  # compiles
    start = time.perf_counter()
    _evaluate(net, first, task, plan)
    one = time.perf_counter() - start
    start = time.perf_counter()
    with metrics.large_batch_statistics(net, task, plan.bn_batch, net.iteration):
        return count * one + time.perf_counter() - start


def _evaluate(net: Sequential, batch: Batch, task: Task, plan: RunPlan) -> None:
    metrics.evaluate(net, [batch], plan.loss, plan.metric(task), plan.metrics)
