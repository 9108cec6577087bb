"""The training loop: batch, forward, loss, backward, clip, update, project; and what goes on around it.

Between two updates nothing is random but what is a function of the iteration, so a run that was stopped anywhere and
resumed repeats the uninterrupted one number for number.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, NoReturn

from .. import _check, checkpoint
from ..parameters import Views
from ..schedules import Plateau, Schedule
from ..tasks import Batch, Task
from ..workspace import Workspace
from . import carried, diagnose, metrics
from .journal import Journal, Totals
from .plan import Plan
from .progress import Interrupt, Reporter
from .run_directory import RunDirectory
from .step import step_of


class Trainer:
    """One run.

    After `run()`: journal.history, the lines of metrics.jsonl; best, {"value", "iteration"} of the validation
    metric, or None; ended, "iterations", "minutes", "schedule" or "interrupted". `stop` is asked before each update
    whether to interrupt the run; `watch` is told the updates done, before the first one and after each.
    """

    def __init__(
        self,
        net: Any,
        task: Task,
        optimizer: Any,
        schedule: Schedule,
        plan: Plan,
        directory: RunDirectory | None = None,
        reporter: Reporter | None = None,
        extra: dict[str, Any] | None = None,
        stop: Callable[[], bool] | None = None,
        watch: Callable[[int], None] | None = None,
    ) -> None:
        self.net, self.task, self.optimizer, self.schedule, self.plan = net, task, optimizer, schedule, plan
        self.directory, self.extra, self._stop = directory, extra or {}, stop or (lambda: False)
        self._watch = watch or (lambda iteration: None)
        self.journal = Journal(directory, reporter or Reporter(show=False), plan.iterations)
        self.best: dict[str, float] | None = None
        self.ended = ""
        self._totals = Totals()
        self._work = Workspace()
        self._step = step_of(net, optimizer, plan, self._work)
        # as they were before the pass
        self._buffers = Views(net.buffers.shapes, net.ops.copy(net.buffers.flat))
        self._carried: Any = None  # the state after the last batch
        self._snapshot: tuple[dict[str, Any], dict[str, Any]] | None = None
        self._saved = -1
        _check_validation(task, schedule, plan)

    def state(self) -> dict[str, Any]:
        """Return what a resumed run needs beside the network and the optimizer."""
        return {
            "totals": asdict(self._totals), "best": self.best, "elapsed": self.journal.elapsed(),
            "schedule": self.schedule.state_dict(), "task": self.task.describe(), **self.extra,
        }  # fmt: skip

    def load(self, contents: checkpoint.Contents, best: checkpoint.Contents | None = None) -> None:
        """Go back to the state of a checkpoint; `best` is the run's best one, which a plateau schedule returns to."""
        meta = contents.header["meta"]
        absent = {"totals", "best", "elapsed", "schedule"} - set(meta)
        if absent:
            _check.fail(
                "train", f"{contents.path} holds no {sorted(absent)}", "a checkpoint of a training run"
            )
        if isinstance(self.schedule, Plateau) and meta["best"] is not None:
            self._load_snapshot(contents, best, meta["best"]["iteration"])
        checkpoint.restore(contents, self.net, self.optimizer)
        self._carried = carried.load(self.net, contents, self.task.batch(self.net.iteration, self.plan.batch))
        self._totals, self.best = Totals(**meta["totals"]), meta["best"]
        self.journal.start = time.perf_counter() - meta["elapsed"]
        self.schedule.load_state_dict(meta["schedule"])
        if self.directory is not None and self.directory.holds(contents.path):
            self._saved = self.net.iteration

    def _load_snapshot(
        self, contents: checkpoint.Contents, best: checkpoint.Contents | None, wanted: int
    ) -> None:
        best = contents if contents.header["iteration"] == wanted else best
        if best is None or best.header["iteration"] != wanted:
            found = None if best is None else best.header["iteration"]
            _check.fail(
                "train", f"the best checkpoint beside {contents.path} is of iteration {found}", f"{wanted}",
                "because the plateau schedule goes back to it",
            )  # fmt: skip
        checkpoint.restore(best, self.net, self.optimizer)
        self._snapshot = (self.net.state_dict(), self.optimizer.state_dict())

    def run(self) -> None:
        """Train up to `plan.iterations`, or until Ctrl-C, or until the schedule has ended."""
        self.journal.reporter.start(self.net.iteration, self.plan.iterations)
        try:
            if self.directory is not None and self._saved != self.net.iteration:
                self._save(best=False)  # from here on there is always a good state to go back to
            self._watch(self.net.iteration)
            with Interrupt() as interrupt:
                while not self._end(interrupt.asked or self._stop()):
                    self.iterate()
                    self._after()
                    self._watch(self.net.iteration)
            self._finish()
        finally:
            self.journal.reporter.stop(self.net.iteration)

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
        """Make one update and return the loss before it; Diverged if loss, gradient or parameters are not finite."""
        start = time.perf_counter()
        net, plan = self.net, self.plan
        batch = self.task.batch(net.iteration, plan.batch)
        net.ops.assign(self._buffers.flat, net.buffers.flat)
        state = self._carried if batch.carry else None
        loss, norm, after = self._step.gradient(batch, state)
        for name, value in (("loss", loss), ("gradient norm", norm)):
            if not math.isfinite(value):
                self._diverged(batch, f"the {name} is {value}", state)
        self.optimizer.lr = self.schedule(net.iteration)
        finite = self._step.update()
        self._carried = after  # not before: a pass that failed can be repeated
        if not finite:
            self._diverged(None, "a parameter is not finite after the update")
        totals = self._totals
        totals.add(loss, norm, batch.steps, time.perf_counter() - start)
        self.journal.reporter.update(net.iteration, loss, totals.steps / totals.seconds)
        return loss

    def _after(self) -> None:
        """Do what is due after an update: log, validate, save."""
        iteration, plan = self.net.iteration, self.plan
        if iteration % plan.log_every == 0:
            length = self.task.epoch_length(plan.batch)
            epoch = None if length is None else iteration / length
            self.journal.train(iteration, plan.loss, self._totals, self.optimizer.lr, epoch, self.task.metric)
            self._totals = Totals()
        improved = False
        if plan.validate_every and iteration % plan.validate_every == 0:
            improved = self._validate()
        due = improved or (plan.checkpoint_every and iteration % plan.checkpoint_every == 0)
        if self.directory is not None and due:
            self._save(improved)

    def evaluate(self, split: str) -> dict[str, float]:
        """Return loss and metric on a split; for batch norm with the statistics of one large training batch."""
        with metrics.large_batch_statistics(self.net, self.task, self.plan.bn_batch, self.net.iteration):
            return self._means(split)

    def _means(self, split: str) -> dict[str, float]:
        """The same with the statistics that the network has."""
        batches = self.task.evaluation(split, self.plan.evaluation_batch, self.net.iteration)
        return metrics.evaluate(self.net, batches, self.plan.loss, self.task.metric)

    def _validate(self) -> bool:
        """Evaluate, tell the schedule, and return whether this is the best so far."""
        means, metric = self.evaluate("validation"), self.task.metric
        value, sign = means[metric], -1 if metrics.LARGER_IS_BETTER[metric] else 1
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
        """Keep the last state and evaluate it; batch norm then has the statistics that it is evaluated with."""
        if self.ended != "interrupted" and self.plan.bn_batch and self.net.buffers:
            metrics.set_statistics(self.net, self.task, self.plan.bn_batch, self.net.iteration)
            self._saved = -1
        if self.directory is not None and self._saved != self.net.iteration:
            self._save(best=False)
        if self.ended == "interrupted":
            self.journal.log(f"interrupted after iteration {self.net.iteration}")
            return
        for split in self.task.splits:
            known = self.journal.last_validation(self.net.iteration) if split == "validation" else None
            self.journal.final(self.net.iteration, split, known or self._means(split))

    def _save(self, best: bool) -> None:
        assert self.directory is not None
        goes_on = self.task.batch(self.net.iteration, self.plan.batch).carry
        nesting, arrays = carried.pack(self.net.ops, self._carried if goes_on else None)
        self.directory.save(self.net, self.optimizer, best, self.state() | {"carried": nesting}, arrays)
        self._saved = self.net.iteration

    def _diverged(self, batch: Batch | None, what: str, state: Any = None) -> NoReturn:
        """Keep the last good state and raise Diverged with the place of the first number that is not finite."""
        net = self.net
        iteration, plan = net.iteration, self.plan
        places = diagnose.find(net, batch, plan.loss, self._buffers, plan.memory, self._work, state)
        if self.directory is None:
            kept = (
                "the update is in the network"
                if batch is None
                else "the network is as it was before this update"
            )
        else:
            if batch is not None and net.ops.finite.first(net.flat) < 0:
                self._save(best=False)
            kept = f"the last good state is in {self.directory.checkpoint_of(self._saved)}"
        where = "; ".join(str(place) for place in places) or "it came and went with this pass"
        message = f"train: {what} in iteration {iteration}, expected a finite number; {where}; {kept}"
        raise diagnose.Diverged(message, iteration, places)


def _check_validation(task: Task, schedule: Schedule, plan: Plan) -> None:
    every = plan.validate_every
    if every and "validation" not in task.splits:
        because = f"because task {task.name!r} has no validation data"
        _check.fail("train", f"validate_every is {every}", "0", because)
    if isinstance(schedule, Plateau) and not every:
        because = "because the plateau schedule listens to validation"
        _check.fail("train", "validate_every is 0", "a number above 0", because)
