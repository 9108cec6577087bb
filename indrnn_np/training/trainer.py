"""The training loop: batch, forward, loss, backward, clip, update, project; logging and checkpoints.

All random numbers are functions of the iteration, so a run that is interrupted and resumed repeats
the uninterrupted run bit for bit.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import NoReturn, Protocol, runtime_checkable

from .. import _check
from .._types import Json, State
from ..networks.sequential import Sequential
from ..optim.optimizers import Optimizer
from ..optim.schedules import Plateau
from ..parameters import Views
from ..tasks import Batch, Task
from ..workspace import Workspace
from . import carried, checkpoint, diagnose, metrics, records, single_values
from .checkpoint import Contents
from .journal import Journal, Totals
from .plan import RunPlan
from .progress import Reporter
from .run_directory import RunDirectory
from .signals import Interrupt
from .step import step_of

Callback = Callable[[int], object]


@runtime_checkable
class Observer(Protocol):
    """A callback that is called with each line of the metrics instead of each iteration."""

    def observe(self, trainer: Trainer, line: Json) -> None:
        """Read a line after it was written. The trainer must not be changed."""


class Trainer:
    """One run.

    After `run()`, `journal.history` holds the lines of metrics.jsonl, `best` is the {"value",
    "iteration"} of the best validation or None, and `ended` is "iterations", "minutes", "schedule"
    or "interrupted". The callbacks are those of `fit`.
    """

    def __init__(
        self,
        net: Sequential,
        task: Task,
        optimizer: Optimizer,
        plan: RunPlan,
        directory: RunDirectory | None = None,
        reporter: Reporter | None = None,
        extra: Json | None = None,
        callbacks: Sequence[Callback | Observer] = (),
    ) -> None:
        self.net, self.task, self.optimizer, self.plan = net, task, optimizer, plan
        self.schedule, self.directory, self.extra = plan.schedule, directory, extra or {}
        self.metric = plan.metric(task)
        self.callbacks = [callback for callback in callbacks if not isinstance(callback, Observer)]
        observers = [partial(each.observe, self) for each in callbacks if isinstance(each, Observer)]
        self.journal = Journal(directory, reporter or Reporter(show=False), plan.iterations, observers)
        self.best: dict[str, float] | None = None
        self.ended = ""
        self._totals, self._work = Totals(), Workspace()
        self.step = step_of(net, optimizer, plan, self._work)
        self._buffers = Views(net.buffers.shapes, net.device.copy(net.buffers.flat))  # before the pass
        self._carried: State = None  # the state after the last batch
        self._snapshot: tuple[Json, Json] | None = None
        self._saved = -1
        self._warning = single_values.check(net, task, plan.batch)
        if self._warning:
            warnings.warn(self._warning, UserWarning, stacklevel=3)

    def state(self) -> Json:
        """Return the state of a run, without the network and the optimizer."""
        return {
            "totals": asdict(self._totals), "best": self.best, "elapsed": self.journal.elapsed(),
            "schedule": self.schedule.state_dict(), "task": self.task.describe(), **self.extra,
        }  # fmt: skip

    def load(self, contents: Contents, best: Path | None) -> None:
        """Load a checkpoint; `best` is the file of the best state, which a plateau schedule restores."""
        meta = contents.header["meta"]
        records.check_plan(contents.path, meta, self.plan.loss_name, self.plan.update_every)
        if isinstance(self.schedule, Plateau) and meta["best"] is not None:
            self._load_snapshot(contents, best, meta["best"]["iteration"])
        checkpoint.restore(contents, self.net, self.optimizer)
        self.optimizer.lr = contents.header["optimizer"]["spec"]["lr"]  # of the last update, for the summary
        batch = self.task.batch(self.net.iteration, self.plan.batch)
        self._carried = carried.load(self.net, contents, batch, self.step.gradient_pass.state_after)
        self._totals, self.best = Totals(**meta["totals"]), meta["best"]
        self.journal.start = time.perf_counter() - meta["elapsed"]
        self.schedule.load_state_dict(meta["schedule"])
        if self.directory is not None and self.directory.holds(contents.path):
            self._saved = self.net.iteration

    def _load_snapshot(self, contents: Contents, best: Path | None, wanted: int) -> None:
        if contents.header["iteration"] != wanted:
            if best is None:
                expected = f"that of iteration {wanted}, which the plateau schedule restores"
                _check.fail("train", f"{contents.path} has no best checkpoint beside it", expected)
            contents = checkpoint.read(best)
        checkpoint.restore(contents, self.net, self.optimizer)
        self._snapshot = (self.net.state_dict(), self.optimizer.state_dict())

    def run(self) -> None:
        """Train until `plan.iterations` or `plan.minutes`, the end of the schedule, or an interruption."""
        with single_values.known(self.net, bool(self._warning)):
            self._run()

    def _run(self) -> None:
        self.journal.reporter.start(self.net.iteration, self.plan.iterations)
        try:
            if self.directory is not None and self._saved != self.net.iteration:
                self._save()  # from here on a valid checkpoint always exists
            stop = self._call_back()
            with Interrupt() as interrupt:
                while not self._end(interrupt.requested or stop):
                    self.iterate()
                    self._after()
                    stop = self._call_back()
            self._finish()
        finally:
            self.journal.reporter.stop(self.net.iteration)

    def _call_back(self) -> bool:
        """Call all callbacks, and return whether one of them requests the end of the run."""
        requests = [callback(self.net.iteration) for callback in self.callbacks]
        return any(requests)

    def _end(self, interrupted: bool) -> str:
        if interrupted:
            self.ended = "interrupted"
        elif self.net.iteration >= self.plan.iterations:
            self.ended = "iterations"
        elif self.plan.minutes and self.journal.elapsed() >= 60 * self.plan.minutes:
            self.ended = "minutes"
        elif isinstance(self.schedule, Plateau) and self.schedule.exhausted:
            self.ended = "schedule"
        return self.ended

    def iterate(self) -> float:
        """Make one update and return the loss before it; raise Diverged at a non-finite value."""
        start = time.perf_counter()
        net, plan = self.net, self.plan
        batch = self.task.batch(net.iteration, plan.batch)
        net.device.assign(self._buffers.flat, net.buffers.flat)
        state = self._carried if batch.carry else None
        loss, norm, after = self.step.gradient(batch, state)
        for name, value in (("loss", loss), ("gradient norm", norm)):
            if not math.isfinite(value):
                self._diverged(batch, f"the {name} is {value}", self.step.gradient_pass.layer_states(state))
        self.optimizer.lr = self.schedule(net.iteration)
        finite = self.step.update()
        self._carried = after  # only now, so that a failed pass can be repeated
        if not finite:
            self._diverged(None, "a parameter is not finite after the update")
        totals = self._totals
        totals.add(loss, norm, batch.steps, time.perf_counter() - start)
        self.journal.reporter.update(net.iteration, loss, totals.steps / totals.seconds)
        return loss

    def _after(self) -> None:
        """Log, validate and save after an update, if due."""
        iteration, plan = self.net.iteration, self.plan
        if iteration % plan.log_every == 0:
            length = self.task.epoch_length(plan.batch)
            epoch = None if length is None else iteration / length
            self.journal.train(iteration, plan.loss_name, self._totals, self.optimizer.lr, epoch, self.metric)
            self._totals = Totals()
        improved = plan.validate_every > 0 and iteration % plan.validate_every == 0 and self._validate()
        due = improved or (plan.checkpoint_every and iteration % plan.checkpoint_every == 0)
        if self.directory is not None and due:
            self._save()

    def evaluate(self, split: str) -> dict[str, float]:
        """Return loss and metric of a split; batch norm uses the statistics of `plan.bn_batch` samples."""
        with metrics.large_batch_statistics(self.net, self.task, self.plan.bn_batch, self.net.iteration):
            return self._means(split)

    def _means(self, split: str) -> dict[str, float]:
        """Return loss and metric of a split with the current running statistics."""
        batches = self.task.evaluation(split, self.plan.evaluation_batch, self.net.iteration)
        return metrics.evaluate(self.net, batches, self.plan.loss, self.metric, self.plan.metrics)

    def _validate(self) -> bool:
        """Validate, update the schedule, and return whether the metric is the best so far."""
        means, metric = self.evaluate("validation"), self.metric
        value, sign = means[metric], -1 if metrics.LARGER_IS_BETTER.get(metric, False) else 1
        improved = math.isfinite(value) and (self.best is None or sign * value < sign * self.best["value"])
        self.journal.validation(self.net.iteration, means, metric, improved)
        if improved:
            self.best = {"value": value, "iteration": self.net.iteration}
        if isinstance(self.schedule, Plateau):
            if improved:
                self._snapshot = (self.net.state_dict(), self.optimizer.state_dict())
            if self.schedule.observe(value):
                if self._snapshot is not None:
                    self.net.load_state_dict(self._snapshot[0])
                    self.optimizer.load_state_dict(self._snapshot[1])
                lr = self.schedule(self.net.iteration)
                self.journal.log(f"plateau: back to the best state, learning rate {lr:.3g}")
        return improved

    def _finish(self) -> None:
        """Save the last state, with the statistics of its evaluation in batch norm, and evaluate it."""
        if self.ended != "interrupted" and self.plan.bn_batch and self.net.buffers:
            metrics.set_statistics(self.net, self.task, self.plan.bn_batch, self.net.iteration)
            self._saved = -1
        if self.directory is not None and self._saved != self.net.iteration:
            self._save()
        if self.ended == "interrupted":
            self.journal.log(f"interrupted after iteration {self.net.iteration}")
            return
        for split in self.task.splits:
            known = self.journal.last_validation(self.net.iteration) if split == "validation" else None
            self.journal.final(self.net.iteration, split, known or self._means(split))

    def _save(self) -> None:
        assert self.directory is not None
        best = self.best is not None and self.best["iteration"] == self.net.iteration
        continues = self.task.batch(self.net.iteration, self.plan.batch).carry
        nesting, arrays = carried.pack(self.net.device, self._carried if continues else None)
        self.directory.save(self.net, self.optimizer, best, self.state() | {"carried": nesting}, arrays)
        self._saved = self.net.iteration

    def _diverged(self, batch: Batch | None, reason: str, state: State = None) -> NoReturn:
        """Save the last finite state, and raise Diverged with the position of the first non-finite value."""
        net = self.net
        iteration, plan = net.iteration, self.plan
        places = diagnose.find(net, batch, plan.loss, self._buffers, plan.memory, self._work, state)
        if self.directory is None:
            state_now = "after" if batch is None else "before"
            last = f"the network has the state {state_now} this update"
        else:
            if batch is not None and net.ops.finite.first(net.flat) < 0:
                self._save()
            last = f"the last good state is in {self.directory.checkpoint_of(self._saved)}"
        where = "; ".join(str(place) for place in places) or "a repeated pass is finite"
        message = f"train: {reason} in iteration {iteration}, expected a finite number; {where}; {last}"
        raise diagnose.Diverged(message, iteration, places)
