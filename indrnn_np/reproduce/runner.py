"""Run rows, each seed in a separate folder, and resume interrupted runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from .. import _files
from .._types import Json
from ..settings import build, settings
from ..training import records, run_directory
from ..training.progress import Reporter
from ..training.run_directory import RunDirectory
from ..training.trainer import Callback
from .rows import Row

INTERRUPTED = "interrupted"


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
        path = self.directory.summary
        if not path.is_file():
            return None
        summary = records.read_summary(path)
        return None if summary["ended"] == INTERRUPTED else summary

    def begun(self) -> bool:
        """Return whether there is a checkpoint to resume from."""
        return bool(self.directory.files())


def jobs(rows: Iterable[Row], form: str, seeds: Iterable[int], out: str | Path, options: Json) -> list[Job]:
    """Return a job for every row and seed, ordered by seed first."""
    rows, folder = list(rows), _files.user_path("reproduce", "out", out)
    return [Job(row, form, seed, folder, dict(options)) for seed in seeds for row in rows]


def run(
    jobs: Iterable[Job], reporter: Reporter, minutes: float = 0.0, after: Callable[[Job], object] = lambda job: None
) -> bool:  # fmt: skip
    """Run jobs in turn and return whether all have ended; a later call resumes unfinished jobs.

    Parameters
    ----------
    jobs : iterable of Job
        Jobs from `jobs`.
    reporter : Reporter
        Shows the progress.
    minutes : float
        Time limit: the current run is interrupted and no other starts. 0: no limit.
    after : callable
        Called with each job that has ended.
    """
    end = time.monotonic() + 60 * minutes if minutes else None

    def over(iteration: int = 0) -> bool:
        return end is not None and time.monotonic() >= end

    for job in jobs:
        if job.summary() is not None:
            reporter.log(f"{job.row.name} seed {job.seed}: done before, {job.directory.path}")
            continue
        if over() or _run(job, reporter, over) == INTERRUPTED:
            return False
        after(job)
    return True


def _run(job: Job, reporter: Reporter, over: Callback) -> str:
    """Start or resume a job and return how it ended."""
    used, directory = job.settings(), job.directory
    resume = directory.path if job.begun() else None
    with directory.writing(resume):
        changes = [] if resume is None else _changes(job, used)
        notes = [f"{job.row.name}, seed {job.seed}, {job.form} form", *changes]
        return build.fit(used, directory, resume, reporter, notes, [over]).summary["ended"]


def _changes(job: Job, used: Json) -> list[str]:
    """Return the changed settings of a resumed run; raise if the row now defines a different run."""
    contents = run_directory.read_checkpoint(job.directory.path)
    before = settings.of_run("reproduce", contents.path, contents.header["meta"].get("settings"))
    try:
        return [f"changed from the run: {change}" for change in settings.changes(before, used)]
    except ValueError as error:
        raise ValueError(f"reproduce: {job.directory.path} holds another run; {error}") from error
