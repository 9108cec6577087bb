"""Runs rows, each seed in a folder of its own, and goes on with what was begun."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import build, settings
from ..training import run_directory
from ..training.progress import Reporter
from ..training.run_directory import RunDirectory
from .rows import Row

INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Job:
    """One run: a row in one of its forms, from one seed. given: what the user sets beside it (data, threads)."""

    row: Row
    form: str
    seed: int
    out: Path
    given: Mapping[str, Any]

    @property
    def directory(self) -> RunDirectory:
        """The folder of the run: OUT/FORM/TABLE/MODEL-seedN."""
        return RunDirectory(self.out / self.form / self.row.table / f"{self.row.model}-seed{self.seed}")

    def settings(self) -> dict[str, Any]:
        """All settings of the run."""
        own = settings.check(self.row.settings(self.form), self.row.task, f"row {self.row.name}")
        known = settings.of_task(self.row.task)
        given = {name: value for name, value in self.given.items() if name in known}
        return settings.merge(self.row.task, own, {**given, "seed": self.seed})

    def summary(self) -> dict[str, Any] | None:
        """What the run came to, None if it has not ended; an interrupted one has not."""
        path = self.directory.summary
        if not path.is_file():
            return None
        found = json.loads(path.read_text(encoding="utf-8"))
        return None if found["ended"] == INTERRUPTED else found

    def begun(self) -> bool:
        """Whether there is a checkpoint to go on from."""
        return any(self.directory.checkpoints.glob(run_directory.PATTERN))


def jobs(
    rows: Iterable[Row], form: str, seeds: Iterable[int], out: str | Path, given: Mapping[str, Any]
) -> list[Job]:
    """Every row with every seed, the first seed of all rows before the second of any."""
    rows = list(rows)
    return [Job(row, form, seed, Path(out), dict(given)) for seed in seeds for row in rows]


def run(
    todo: Iterable[Job],
    reporter: Reporter,
    minutes: float = 0.0,
    after: Callable[[Job], object] = lambda job: None,
) -> bool:
    """Run jobs one after another; `after` is called when one has ended.

    minutes: when so many have gone, the run that goes on is interrupted, and no other is begun; 0: no limit. Returns
    whether all have ended; False after Ctrl-C or the limit, and a later call goes on.
    """
    end = time.monotonic() + 60 * minutes if minutes else None
    over = lambda: end is not None and time.monotonic() >= end  # noqa: E731
    for job in todo:
        if job.summary() is not None:
            reporter.log(f"{job.row.name} seed {job.seed}: done before, {job.directory.path}")
            continue
        if over() or _run(job, reporter, over) == INTERRUPTED:
            return False
        after(job)
    return True


def _run(job: Job, reporter: Reporter, over: Callable[[], bool]) -> str:
    """Begin or go on with one job; returns how it ended."""
    used, directory = job.settings(), job.directory
    resume = directory.path if job.begun() else None
    said = [] if resume is None else _changes(job, used)
    notes = [f"{job.row.name}, seed {job.seed}, {job.form} form", *said]
    return build.fit(used, directory, resume, reporter, notes, over).summary["ended"]


def _changes(job: Job, used: dict[str, Any]) -> list[str]:
    """What a run that goes on changes; an error if the row means another run by now."""
    before = run_directory.read_checkpoint(job.directory.path).header["meta"].get("settings") or {}
    try:
        return [f"changed from the run: {change}" for change in settings.changes(before, used)]
    except ValueError as error:
        raise ValueError(f"reproduce: {job.directory.path} holds another run; {error}") from error
