"""Run rows, each seed in a separate folder, and resume interrupted runs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from .. import _files
from .._sweep import job as runs
from .._sweep import pool
from .._sweep.job import FINISHED, INTERRUPTED, WAITING, finished
from .._types import Json
from ..settings import settings
from ..training.callbacks import Callback
from ..training.progress import Reporter
from ..training.run_directory import RunDirectory
from .rows import Row


@dataclass(frozen=True)
class Job:
    """Run of a row in one form from one seed; `options` are settings of the user (data, threads)."""

    row: Row
    form: str
    seed: int
    out: Path
    options: Json

    @property
    def directory(self) -> RunDirectory:
        """The folder of the run, OUT/FORM/TABLE/MODEL-seedN."""
        return RunDirectory(self.out / self.form / self.row.table / f"{self.row.model}-seed{self.seed}")

    def settings(self) -> Json:
        """Return all settings of the run."""
        row = settings.check(self.row.settings(self.form), self.row.task, f"row {self.row.name}")
        known = settings.of_task(self.row.task)
        chosen = {name: value for name, value in self.options.items() if name in known}
        return settings.merge(self.row.task, row, {**chosen, "seed": self.seed})

    def summary(self) -> Json | None:
        """Return the summary of the run, None if the run is unfinished or interrupted."""
        return finished(self.directory)

    def begun(self) -> bool:
        """Return whether there is a checkpoint to resume from."""
        return bool(self.directory.files())

    def plain(self, deadline: float = math.inf) -> runs.Job:
        """Return the run as plain values, for any process; `deadline` as in `runs.Job`."""
        note = f"{self.row.name}, seed {self.seed}, {self.form} form"
        return runs.Job(self.settings(), str(self.directory.path), {}, "reproduce", note, False, deadline)


def jobs(rows: Iterable[Row], form: str, seeds: Iterable[int], out: str | Path, options: Json) -> list[Job]:
    """Return a job for every row and seed, ordered by seed first."""
    rows, folder = list(rows), _files.user_path("reproduce", "out", out)
    return [Job(row, form, seed, folder, dict(options)) for seed in seeds for row in rows]


def run(
    jobs: Iterable[Job], reporter: Reporter, minutes: float = 0.0, after: Callable[[Job], object] = lambda job: None,
    processes: int = 1,
) -> bool:  # fmt: skip
    """Run jobs and return whether all have ended; a later call resumes unfinished jobs.

    Parameters
    ----------
    jobs : iterable of Job
        Jobs from `jobs`.
    reporter : Reporter
        Shows the progress.
    minutes : float
        Time limit: the current runs are interrupted and no other starts. 0: no limit.
    after : callable
        Called with each job that has ended.
    processes : int
        Number of runs at the same time. 1: in this process.

    Raises
    ------
    RuntimeError
        If some of several runs failed. The other runs have ended before. An only run raises its own
        error.
    """
    deadline, waiting = time.time() + 60 * minutes if minutes else math.inf, []
    for job in jobs:
        if job.summary() is None:
            waiting.append(job)
        else:
            reporter.log(f"{_name(job)}: done before, {job.directory.path}")
    if processes > 1:
        return _run_together(waiting, reporter, deadline, after, processes)
    return _run_here(waiting, reporter, deadline, after)


def _run_here(jobs: list[Job], reporter: Reporter, deadline: float, after: Callable[[Job], object]) -> bool:
    """Run jobs in this process, one after another, and return whether all have ended."""

    def over(iteration: int = 0) -> bool:
        return time.time() >= deadline

    errors = []
    for job in jobs:
        if over():
            return False
        try:
            ended = _run(job, reporter, over)
        except Exception as error:
            if len(jobs) == 1:
                raise
            errors.append(str(error))
            reporter.log(f"{_name(job)}: {error}")
            continue
        if ended == INTERRUPTED:
            return False
        after(job)
    _raise_first(errors, len(jobs))
    return True


def _run(job: Job, reporter: Reporter, over: Callback) -> str:
    """Start or resume a job in this process and return how it ended."""
    return runs.run(job.plain(), over, reporter)["ended"]


def _run_together(
    jobs: list[Job], reporter: Reporter, deadline: float, after: Callable[[Job], object], processes: int
) -> bool:
    """Run jobs in several processes, which share the cores, and return whether all have ended."""
    plain = {number: job.plain(deadline) for number, job in enumerate(jobs)}
    for one in plain.values():
        one.used["threads"] = one.used["threads"] or pool.threads_each(processes)
    outcomes: dict[int, runs.Outcome] = {}

    def report(number: int, outcome: runs.Outcome) -> None:
        outcomes[number] = outcome
        if outcome.state != WAITING:
            reporter.log(f"{_name(jobs[number])}: {outcome.error or outcome.state}")
        if outcome.state == FINISHED:
            after(jobs[number])

    pool.run_all(plain, report, processes)
    _raise_first([outcome.error for outcome in outcomes.values() if outcome.error], len(jobs))
    return len(outcomes) == len(jobs) and all(outcome.state == FINISHED for outcome in outcomes.values())


def _raise_first(errors: list[str], count: int) -> None:
    """Raise an error that names the first of these errors of `count` runs, if there is one."""
    if errors:
        raise RuntimeError(f"reproduce: {len(errors)} of {count} runs failed; the first error: {errors[0]}")


def _name(job: Job) -> str:
    return f"{job.row.name} seed {job.seed}"
