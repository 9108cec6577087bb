"""One run of `indrnn train` as plain values, which any process can begin, resume or skip."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from .._types import Json
from ..settings import build, settings
from ..training import records, run_directory
from ..training.callbacks import Callback, Observer
from ..training.progress import Reporter
from ..training.run_directory import RunDirectory

INTERRUPTED = "interrupted"
FINISHED, FAILED, WAITING = "finished", "failed", "waiting"


@dataclass(frozen=True)
class Job:
    """A run of `indrnn train`; pickling it needs no other object of this package.

    Parameters
    ----------
    used : dict
        All settings of the run (settings/tables.py).
    folder : str
        Folder of the run.
    choice : mapping
        The settings that distinguish the run from the other runs of a sweep, with its seed.
    command : str
        Start of error messages.
    note : str
        First line of the log, "" for none.
    curve : bool
        Whether the run draws curve.png.
    deadline : float
        Time, as of `time.time()`, at which the run is interrupted.
    """

    used: Json
    folder: str
    choice: Mapping[str, object] = field(default_factory=dict)
    command: str = "sweep"
    note: str = ""
    curve: bool = True
    deadline: float = math.inf

    @property
    def directory(self) -> RunDirectory:
        """The files of the run."""
        return RunDirectory(self.folder)


@dataclass(frozen=True)
class Outcome:
    """The end of a job: the summary of its run, or its error as text; neither if it has not begun."""

    summary: Json | None = None
    error: str = ""

    @property
    def state(self) -> str:
        """The state of the run: "finished", "interrupted", "failed" or "waiting"."""
        if self.error:
            return FAILED
        if self.summary is None:
            return WAITING
        return INTERRUPTED if self.summary["ended"] == INTERRUPTED else FINISHED


def finished(directory: RunDirectory) -> Json | None:
    """Return the summary of a run, None if the run is unfinished or interrupted."""
    if not directory.summary.is_file():
        return None
    summary = records.read_summary(directory.summary)
    return None if summary["ended"] == INTERRUPTED else summary


def run(job: Job, stop: Callback, reporter: Reporter | None = None) -> Json:
    """Begin or resume a run, and return its summary; a finished run is not repeated.

    Parameters
    ----------
    job : Job
        The run. Its folder is locked meanwhile.
    stop : callable
        Called with each iteration; a true value interrupts the run.
    reporter : Reporter, optional
        Shows the progress. By default only log.txt of the run has its lines.
    """
    from ..plots import live

    directory = job.directory
    with directory.writing(directory.path):
        if (summary := finished(directory)) is not None:
            return summary
        resume = directory.path if directory.files() else None
        notes = ([job.note] if job.note else []) + (changes(job) if resume else [])
        reporter = reporter or Reporter(False, directory.log)
        curve = live.curve(directory.curve, notes) if job.curve else None
        observers: list[Callback | Observer] = [stop] if curve is None else [stop, curve]
        result = build.fit(job.used, directory, resume, reporter, notes, observers)
        if curve is not None:
            curve.draw(result.history, result.summary, reporter.log)
    return result.summary


def changes(job: Job) -> list[str]:
    """Return the settings that a job changes in the run that it resumes; raise for another run."""
    contents = run_directory.read_checkpoint(job.folder)
    before = settings.of_run(job.command, contents.path, contents.header["meta"].get("settings"))
    return [f"changed from the run: {change}" for change in _compare(job, before)]


def check_same(job: Job) -> None:
    """Check that the folder of a job is empty or holds the same run; only the threads may differ.

    Raises
    ------
    ValueError
        If the folder holds a run with other settings, which would enter the table as this one.
    """
    config = job.directory.config
    if not config.is_file():
        return
    before = settings.of_run(job.command, config, settings.read(config))
    changed = _compare(job, before | {"threads": job.used["threads"]})
    if changed:
        problem = f"{job.folder} holds another run; {changed[0]}"
        raise ValueError(f"{job.command}: {problem}, expected another folder or the settings of that run")


def _compare(job: Job, before: Json) -> list[str]:
    """Return the changes of a run with the settings `before`; raise if it is another run."""
    try:
        return settings.changes(before, job.used)
    except ValueError as error:
        raise ValueError(f"{job.command}: {job.folder} holds another run; {error}") from error
