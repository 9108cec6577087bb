"""The training loop: batch, forward, loss, backward, clip, update, project; logging and checkpoints.

All random numbers are functions of the iteration, so a run that is interrupted and resumed repeats
the uninterrupted run bit for bit.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import NoReturn

from .._types import Json, State
from ..networks.sequential import Sequential
from ..optim.optimizers import Optimizer
from ..optim.schedules import Plateau
from ..tasks import Task
from ..workspace import Workspace
from . import carried, checkpoint, class_weights, diagnose, records, single_values
from .best_state import BestState, Record
from .callbacks import Callback, Observer
from .checkpoint import Contents
from .evaluation import Evaluation, restore_running
from .journal import Journal, Totals
from .plan import RunPlan
from .progress import Reporter
from .run_directory import RunDirectory
from .signals import Interrupt
from .step import step_of
from .updates import Update, Updates


class Trainer:
    """One run.

    After `run()`, `journal.history` holds the lines of metrics.jsonl, and `ended` is "iterations",
    "minutes", "schedule", "patience" or "interrupted". The callbacks are those of `fit`.
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
        self.metric, self.ranks = plan.metric(task), plan.ranks
        self.callbacks = [callback for callback in callbacks if not isinstance(callback, Observer)]
        observers = [partial(each.observe, self) for each in callbacks if isinstance(each, Observer)]
        self.journal = Journal(directory, reporter or Reporter(show=False), plan.iterations, observers)
        self._saves = self.ranks.first_true(directory is not None)
        self.ended, self._work = "", Workspace()
        self._last: int | None = None  # the last iteration, once the best state is restored
        self.evaluation = Evaluation(net, task, plan)
        self.step = step_of(net, optimizer, plan, self._work)
        self._updates = Updates(net, optimizer, self.step)
        self._carried: State = None  # the state after the last batch
        self._best = BestState(net, optimizer, self.metric, plan.restores_best)
        self._saved, self._loss = -1, math.nan  # of the newest checkpoint and update
        self._warning = single_values.check(net, task, plan.batch, 1 if plan.sync_bn else plan.shards)
        if self._warning:
            warnings.warn(self._warning, UserWarning, stacklevel=3)

    @property
    def best(self) -> Record | None:
        """The {"value", "iteration"} of the best validation, None before the first one."""
        return self._best.record

    @property
    def done(self) -> int:
        """The number of updates done."""
        return self.net.iteration if self._last is None else self._last

    def state(self) -> Json:
        """Return the state of a run, without the network and the optimizer."""
        return {
            "totals": asdict(self.journal.totals), "best": self.best, "elapsed": self.journal.elapsed(),
            "schedule": self.schedule.state_dict(), "task": self.task.describe(), **self.extra,
        }  # fmt: skip

    def load(self, contents: Contents, best: Path | None) -> None:
        """Load a checkpoint; `best` is the file of the best state, for runs that restore it."""
        meta = contents.header["meta"]
        records.check_plan(contents.path, meta, self.plan.loss_name, self.plan.update_every)
        self._best.load(contents, best)
        checkpoint.restore(contents, self.net, self.optimizer)
        restore_running(contents, self.net)
        self.optimizer.lr = contents.header["optimizer"]["spec"]["lr"]  # of the last update, for the summary
        batch = self.task.batch(self.net.iteration, self.plan.batch)
        whole = carried.load(self.net, contents, batch, self.step.gradient_pass.state_after)
        self._carried = self.step.gradient_pass.own_state(whole)
        self.journal.totals = Totals(**meta["totals"])
        self.journal.start = time.perf_counter() - meta["elapsed"]
        self.schedule.load_state_dict(meta["schedule"])
        if self.ranks.first_true(self.directory is not None and self.directory.holds(contents.path)):
            self._saved = self.net.iteration

    def run(self) -> None:
        """Train until `plan.iterations` or `plan.minutes`, the end of the schedule, or an interruption."""
        with single_values.known(self.net, bool(self._warning)):
            self._run()

    def _run(self) -> None:
        self.journal.reporter.start(self.net.iteration, self.plan.iterations)
        try:
            if self._saved != self.net.iteration:
                self._save()  # from here on a valid checkpoint always exists
            stop = self._call_back()
            with Interrupt() as interrupt:
                while not self._end(interrupt.requested or stop):
                    self.iterate()
                    self._after()
                    stop = self._call_back()
            self.complete()
            self._finish()
        finally:
            self.journal.reporter.stop(self.done)

    def _call_back(self) -> bool:
        """Call all callbacks, and return whether one of them requests the end of the run."""
        if self.callbacks:
            self.complete()
        return True in [bool(callback(self.net.iteration)) for callback in self.callbacks]

    def _end(self, interrupted: bool) -> str:
        """Return why the run ends, "" if it goes on; a reason of one rank ends all."""
        reasons = {
            "interrupted": interrupted,
            "iterations": self.done >= self.plan.iterations,
            "minutes": 0 < 60 * self.plan.minutes <= self.journal.elapsed(),
            "schedule": isinstance(self.schedule, Plateau) and self.schedule.exhausted,
            "patience": 0 < self.plan.patience * self.plan.validate_every <= self.done - self._best.iteration,
        }
        self.ended = self.ranks.first_true(next((reason for reason, holds in reasons.items() if holds), ""))
        return self.ended

    def iterate(self) -> float:
        """Begin one update, and return the loss of the newest complete one; raise Diverged at a non-finite value.

        With CUDA graphs, an update runs while the next call prepares its batch.
        """
        self.journal.begin()
        batch = self.task.batch(self.net.iteration, self.plan.batch)
        if not (overlaps := self.step.overlaps(batch)):
            self.complete()
        try:
            state = self._carried if batch.carry else None
            self._updates.begin(batch, state, self.schedule(self.net.iteration))
        except Exception:
            self.complete()  # an error of the previous update comes first
            raise
        return self.complete(leave=int(overlaps))

    def complete(self, leave: int = 0) -> float:
        """Complete the updates under way, except the last `leave`; return the loss of the newest complete one."""
        while len(self._updates) > leave:
            update, outcome = self._updates.finish()
            for name, value in ("loss", outcome.loss), ("gradient norm", outcome.norm):
                if not math.isfinite(value):
                    self._diverged(update, f"the {name} is {value}")
            self._carried = outcome.state  # only now, so that a failed pass can be repeated
            if not outcome.finite:
                self._diverged(None, "a parameter is not finite after the update")
            self._loss = outcome.loss
            self.journal.update(update.iteration + 1, outcome.loss, outcome.norm, update.batch.steps)
        return self._loss

    def _after(self) -> None:
        """Log, validate and save after an update, if due."""
        iteration, plan = self.net.iteration, self.plan
        intervals = plan.log_every, plan.validate_every, plan.checkpoint_every
        log, validate, save = (every > 0 and iteration % every == 0 for every in intervals)
        if log or validate or save:
            self.complete()
        if log:
            length = self.task.epoch_length(plan.batch)
            epoch = None if length is None else iteration / length
            self.journal.train(iteration, plan.loss_name, self.optimizer.lr, epoch, self.metric)
        if (validate and self._validate()) or save:
            self._save()

    def _validate(self) -> bool:
        """Validate, update the schedule, and return whether the metric is the best so far."""
        means, metric = self.evaluation.evaluate("validation"), self.metric
        improved = self._best.observe(means[metric])
        self.journal.validation(self.net.iteration, means, metric, improved)
        if isinstance(self.schedule, Plateau) and self.schedule.observe(means[metric]):
            self._best.restore()
            lr = self.schedule(self.net.iteration)
            self.journal.log(f"plateau: back to the best state, learning rate {lr:.3g}")
        return improved

    def _finish(self) -> None:
        """Save the last state, and evaluate it, or the best state with early stopping."""
        interrupted = self.ended == "interrupted"
        if self._saved != self.net.iteration or (self.evaluation.sets_statistics and not interrupted):
            self._save(evaluated=not interrupted)
        if interrupted:
            self.journal.log(f"interrupted after iteration {self.net.iteration}")
            return
        if self.plan.patience and self.best is not None:
            self._best.restore()
            self._last, self.net.iteration = self.net.iteration, self._best.iteration
            self.journal.log(f"patience: back to the best state, of iteration {self.net.iteration}")
        self.evaluation.set_statistics()
        for split in self.task.splits:
            known = self.journal.last_validation(self.net.iteration) if split == "validation" else None
            self.journal.final(self.net.iteration, split, known or self.evaluation.means(split))

    def _save(self, evaluated: bool = False) -> None:
        """Write a checkpoint if the run has a folder; all ranks call this function together.

        The best state and an `evaluated` one have the statistics of an evaluation in batch norm.
        """
        self._saved = self.net.iteration
        if not self._saves:
            return
        best = self.best is not None and self._best.iteration == self.net.iteration
        continues = self.task.batch(self.net.iteration, self.plan.batch).carry
        state = self.step.gradient_pass.whole_state(self._carried if continues else None)
        nesting, arrays = carried.pack(self.net.device, state)
        with self.evaluation.statistics(best or evaluated) as running:
            if self.directory is not None:
                meta = self.state() | {"carried": nesting}
                self.directory.save(self.net, self.optimizer, best, meta, arrays | running)

    def _diverged(self, update: Update | None, reason: str) -> NoReturn:
        """Save the last finite state, and raise Diverged with the position of the first non-finite value.

        The search repeats the pass of `update`; None searches only the parameters.
        """
        parts = self.step.gradient_pass.parts
        plan, classes = self.plan, class_weights.options(self.plan, self.net)
        places = diagnose.find(self.net, update, plan.loss, plan.memory, self._work, parts, classes)
        places = self.ranks.first_true(places)
        if update is not None and self.net.ops.finite.first(self.net.flat) < 0:
            self._save()
        saved = None if self.directory is None else self.directory.checkpoint_of(self._saved)
        raise diagnose.diverged(self.net.iteration, reason, places, diagnose.last_state(saved, update))
