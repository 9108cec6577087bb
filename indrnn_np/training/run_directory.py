"""The files of a run, and the checkpoint from which it is resumed.

DIR/config.toml   metrics.jsonl   log.txt   summary.json   curve.png
    checkpoints/iteration-00001000.npz (the last two, and their best ones)   checkpoints/best.npz
"""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from .. import _check, _files
from .. import backend as backends
from .._files import locks
from .._types import Json
from ..networks.sequential import Sequential
from ..optim.optimizers import Optimizer
from . import best_file, checkpoint
from .records import until

KEPT = 2
NAME = re.compile(r"iteration-(\d{8,})\.npz")


class RunDirectory:
    """Files of one run. A write is atomic, or appends one line."""

    def __init__(self, path: str | Path):
        self.path = _files.user_path("run", "the folder", path)
        self.metrics, self.summary = self.path / "metrics.jsonl", self.path / "summary.json"
        self.config, self.log = self.path / "config.toml", self.path / "log.txt"
        self.curve = self.path / "curve.png"
        self._held = False
        self._best_of: dict[int, int | None] = {}  # best iteration by iteration of a checkpoint
        self._best_sha256: str | None = None
        self.checkpoints, self.best = self.path / "checkpoints", self.path / "checkpoints" / "best.npz"

    def checkpoint_of(self, iteration: int) -> Path:
        """Return the path of an iteration's checkpoint."""
        return self.checkpoints / f"iteration-{iteration:08d}.npz"

    def files(self) -> dict[int, Path]:
        """Return the checkpoints by iteration in ascending order."""
        names = os.listdir(self.checkpoints) if self.checkpoints.is_dir() else []
        iterations = sorted(int(match[1]) for name in names if (match := NAME.fullmatch(name)))
        return {iteration: self.checkpoint_of(iteration) for iteration in iterations}

    def holds(self, path: Path) -> bool:
        """Return whether a checkpoint is in the folder of this run."""
        return path.resolve().parent == self.checkpoints.resolve()

    @contextmanager
    def writing(self, resume: str | Path | None = None, new: bool = False) -> Iterator[RunDirectory]:
        """Lock the folder for this writer; a nested call has no effect.

        The folder must not hold another run than `resume`. With `new` it must not exist. Incomplete
        files of a killed writer are removed.
        """
        if self._held:
            yield self
            return
        with locks.only_writer("train", self.path, new):
            resumed = resume is not None and run_of(resume).resolve() == self.path.resolve()
            holds_metrics = self.metrics.is_file() and self.metrics.stat().st_size > 0
            if not resumed and (holds_metrics or self.files()):
                problem = f"out is {str(self.path)!r}, which holds a run"
                expected = "a new folder (or resume, to continue that run)"
                _check.fail("train", problem, expected, error=FileExistsError)
            for name in (self.config, self.metrics, self.summary, self.curve, self.checkpoints / "*"):
                for path in _files.leftovers(name):
                    path.unlink()
            self._held = True
            try:
                yield self
            finally:
                self._held = False

    def create(self) -> None:
        """Create the folders and metrics.jsonl if they do not exist."""
        try:
            _files.make_folder(self.checkpoints)
            self.metrics.touch()
        except OSError as error:
            _files.explain("train", f"out is {str(self.path)!r}, which can't be written", error)

    def append(self, line: Json) -> None:
        """Add one line to metrics.jsonl."""
        try:
            with open(self.metrics, "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            _files.explain("train", f"{self.metrics} can't be written", error)

    def write(self, path: Path, text: str) -> None:
        """Replace a text file."""
        _files.replace_text("train", path, text)

    def save(
        self, net: Sequential, optimizer: Optimizer, best: bool, meta: Json, arrays: Json | None = None
    ) -> Path:
        """Write the checkpoint of this iteration, copy it to best.npz if it is the `best`, and remove old ones.

        The meta stores the best iteration and, if that is an earlier one, the SHA-256 of its
        checkpoint. metrics.jsonl is synced first, so a resumed run has all earlier metrics.
        """
        if self.metrics.is_file():
            _files.sync(self.metrics)
        digest, path = None if best else self._best_sha256, self.checkpoint_of(net.iteration)
        checkpoint.save(path, net, optimizer, arrays, **meta, best_sha256=digest)
        if best:
            self._write_best(path.read_bytes())
        self._best_of[net.iteration] = (meta["best"] or {}).get("iteration")
        self._forget()
        return path

    def _write_best(self, content: bytes) -> None:
        _files.replace("train", self.best, lambda file: file.write(content))
        self._best_sha256 = best_file.sha256(content)

    def _forget(self) -> None:
        """Remove all checkpoints except the last ones and the best ones that they refer to."""
        files = self.files()
        last = list(files)[-KEPT:]
        for unknown in set(last) - set(self._best_of):  # written by an earlier process
            self._best_of[unknown] = best_file.read(files[unknown])
        for iteration in set(files) - set(last) - {self._best_of[recent] for recent in last}:
            files[iteration].unlink()

    def best_of(self, contents: checkpoint.Contents) -> Path | None:
        """Return the file of the best state up to a checkpoint, None if it does not exist."""
        wanted = best_file.iteration_of(contents)
        return best_file.file_of(contents, self.best, None if wanted is None else self.checkpoint_of(wanted))

    def rewind(self, contents: checkpoint.Contents, source: RunDirectory) -> list[Json]:
        """Reset this run to a checkpoint of `source`, this run or another, and return the metrics up to it.

        The order of the writes matters: a process that is killed leaves a run that can be resumed.
        """
        iteration, best = contents.header["iteration"], source.best_of(contents)
        lines = until(source.metrics, iteration) if source.metrics.is_file() else []
        for later in sorted(self.files(), reverse=True):
            if later > iteration:
                self.checkpoint_of(later).unlink()
        for path in (self.summary, self.curve):  # results of an end that is undone
            path.unlink(missing_ok=True)
        wanted = best_file.iteration_of(contents)
        self._best_of = {iteration: wanted}
        if best is None or wanted is None:
            self.best.unlink(missing_ok=True)
        else:
            content, numbered = best.read_bytes(), self.checkpoint_of(wanted)
            if not (numbered.is_file() and numbered.read_bytes() == content):
                _files.replace("train", numbered, lambda file: file.write(content))
            self._write_best(content)
        self._forget()
        self.write(self.metrics, "".join(json.dumps(line) + "\n" for line in lines))
        return lines


@contextmanager
def numbered(path: Path) -> Iterator[RunDirectory]:
    """Create and lock the first of the folders NAME, NAME-2, NAME-3, ... that does not exist."""
    for number in itertools.count(1):
        folder = path if number == 1 else path.with_name(f"{path.name}-{number}")
        with ExitStack() as locked:
            try:
                directory = locked.enter_context(RunDirectory(folder).writing(new=True))
            except FileExistsError:
                continue
            yield directory
            return


def find_checkpoint(path: str | Path, which: str = "last") -> Path:
    """Return the path of a checkpoint: `path` itself, or the last or best checkpoint of a run's folder."""
    path = _files.user_path("run", "the run", path)
    if path.is_file():
        return path
    run = RunDirectory(path)
    files = list(run.files().values())
    if which == "best" and files:
        return _best(run)
    file = run.best if which == "best" else files[-1] if files else path
    if not file.is_file():
        expected = "a run's folder or a checkpoint"
        _check.fail("run", f"{path} holds no {which} checkpoint", expected, error=FileNotFoundError)
    return file


def _best(run: RunDirectory) -> Path:
    """Return the file of the best state up to the last checkpoint of a run."""
    contents = read_checkpoint(run.path)
    wanted, file, last = best_file.iteration_of(contents), run.best_of(contents), contents.path.name
    if file is None:
        expected = f"the checkpoint of iteration {wanted} because {last} refers to it"
        expected = f"a run with a validation before {last}" if wanted is None else expected
        _check.fail("run", f"{run.path} holds no best checkpoint", expected, error=FileNotFoundError)
    return file


def run_of(path: str | Path) -> Path:
    """Return the folder of the run of a checkpoint, or the folder `path` itself."""
    path = _files.user_path("run", "the run", path)
    return path.parent.parent if path.is_file() and path.parent.name == "checkpoints" else path


def read_checkpoint(path: str | Path) -> checkpoint.Contents:
    """Read a file or the last checkpoint of a run. An error names the previous checkpoint."""
    newest = find_checkpoint(path)
    with _naming_the_previous(newest):
        return checkpoint.read(newest)


def load(
    path: str | Path, which: str | None = None, backend: str | None = None
) -> tuple[Path, checkpoint.Checkpoint]:
    """Load a file or a checkpoint of a run, and return its path and content.

    `which` is "last", "best", or None for the checkpoint that the run evaluated at its end: the
    best one with early stopping, else the last one.
    """
    if backend is not None:
        backends.get(backend)  # raise errors of the argument before the file is read
    if which is None:
        meta = read_checkpoint(path).header["meta"]
        which = "best" if (meta.get("plan") or {}).get("patience") and meta["best"] else "last"
    newest = find_checkpoint(path, which)
    with _naming_the_previous(newest):
        return newest, checkpoint.load(newest, backend)


@contextmanager
def _naming_the_previous(path: Path) -> Iterator[None]:
    """Add the path of the previous checkpoint to errors about this one."""
    try:
        yield
    except (ValueError, OSError) as error:
        files = RunDirectory(run_of(path)).files().values()
        before = [other for other in files if other.name < path.name]
        if not before:
            raise
        hint = f"; the checkpoint before it is {before[-1]}"
        if isinstance(error, OSError):
            raise type(error)(error.errno, f"{error.strerror}{hint}") from error
        raise ValueError(f"{error}{hint}") from error
