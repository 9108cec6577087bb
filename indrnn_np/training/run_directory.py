"""What a run leaves behind, and where it goes on from.

DIR/config.toml   metrics.jsonl   log.txt   summary.json   curve.png
    checkpoints/iteration-00001000.npz (the last two)   checkpoints/best.npz
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .. import _check, _files, checkpoint

KEPT = 2
PATTERN = "iteration-*.npz"


class RunDirectory:
    """One run's files. Every write is whole or not at all, or appends one line."""

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.metrics, self.summary = self.path / "metrics.jsonl", self.path / "summary.json"
        self.config, self.log, self.curve = (
            self.path / "config.toml",
            self.path / "log.txt",
            self.path / "curve.png",
        )
        self.checkpoints, self.best = self.path / "checkpoints", self.path / "checkpoints" / "best.npz"

    def checkpoint_of(self, iteration: int) -> Path:
        """Return the path of an iteration's checkpoint."""
        return self.checkpoints / f"iteration-{iteration:08d}.npz"

    def holds(self, path: Path) -> bool:
        """Return whether a checkpoint lies in this folder."""
        return path.resolve().parent == self.checkpoints.resolve()

    def create(self, fresh: bool) -> None:
        """Make the folders; a fresh run refuses a folder that holds another one."""
        begun = self.metrics.is_file() and self.metrics.stat().st_size > 0
        if fresh and (begun or any(self.checkpoints.glob(PATTERN))):
            _check.fail("train", f"out is {str(self.path)!r}, which holds a run", "a new folder",
                        "(or resume, to go on with that run)", error=FileExistsError)  # fmt: skip
        try:
            self.checkpoints.mkdir(parents=True, exist_ok=True)
            with open(self.metrics, "a", encoding="utf-8"):
                pass
        except OSError as error:
            _files.explain("train", f"out is {str(self.path)!r}, which can't be written", error)

    def append(self, line: dict[str, Any]) -> None:
        """Add one line to metrics.jsonl."""
        try:
            with open(self.metrics, "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            _files.explain("train", f"{self.metrics} can't be written", error)

    def write(self, path: Path, text: str) -> None:
        """Replace one of the text files."""
        _files.replace("train", path, lambda file: file.write(text.encode()))

    def save(
        self, net: Any, optimizer: Any, best: bool, meta: dict[str, Any], arrays: dict[str, Any] | None = None
    ) -> Path:
        """Write the checkpoint of this iteration, the best one after it if it is that, and forget the oldest.

        In this order a run that is killed in between finds the state that its last checkpoint calls the best.
        """
        path = checkpoint.save(
            self.checkpoints / f"iteration-{net.iteration:08d}.npz", net, optimizer, arrays, **meta
        )
        if best:
            content = path.read_bytes()
            _files.replace("train", self.best, lambda file: file.write(content))
        for old in sorted(self.checkpoints.glob(PATTERN))[:-KEPT]:
            old.unlink()
        return path

    def rewind(self, iteration: int, source: RunDirectory) -> list[dict[str, Any]]:
        """Begin where `source`, this folder or another, stood at a checkpoint; return the metrics so far."""
        lines = until(source.metrics, iteration) if source.metrics.is_file() else []
        self.write(self.metrics, "".join(json.dumps(line) + "\n" for line in lines))
        if source.path.resolve() != self.path.resolve() and source.best.is_file():
            content = source.best.read_bytes()
            _files.replace("train", self.best, lambda file: file.write(content))
        for path in self.checkpoints.glob(PATTERN):
            if int(path.stem.split("-")[1]) > iteration:
                path.unlink()
        return lines


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Return the lines of metrics.jsonl; a last line that a killed run left half written is passed over."""
    if not path.is_file():
        _check.fail("run", f"{path} is not there", "the metrics of a run", error=FileNotFoundError)
    lines = path.read_text(encoding="utf-8").splitlines()
    metrics = []
    for number, line in enumerate(lines, start=1):
        try:
            metrics.append(json.loads(line))
        except json.JSONDecodeError as error:
            if number < len(lines):
                raise ValueError(
                    f"run: {path} line {number} is not JSON ({error}), expected one object a line"
                ) from error
    return metrics


def until(path: Path, iteration: int) -> list[dict[str, Any]]:
    """Return the metrics of a run up to an iteration, without what was measured at its end."""
    return [line for line in read_metrics(path) if line["iteration"] <= iteration and line["kind"] != "final"]


def find_checkpoint(path: str | Path, which: str = "last") -> Path:
    """Return a checkpoint's path: the file itself, or the last or best one of a run's folder."""
    path = Path(path)
    if path.is_file():
        return path
    run = RunDirectory(path)
    found: Iterable[Path] = [run.best] if which == "best" else sorted(run.checkpoints.glob(PATTERN))[-1:]
    for candidate in found:
        if candidate.is_file():
            return candidate
    return _check.fail(
        "run",
        f"{path} holds no {which} checkpoint",
        "a run's folder or a checkpoint",
        error=FileNotFoundError,
    )


def run_of(path: str | Path) -> Path:
    """Return the run's folder that a checkpoint (or the folder itself) belongs to."""
    path = Path(path)
    return path.parent.parent if path.is_file() and path.parent.name == "checkpoints" else path


def read_checkpoint(path: str | Path) -> checkpoint.Contents:
    """Read a run's last checkpoint or a file; for a damaged one, name the one before it."""
    newest = find_checkpoint(path)
    try:
        return checkpoint.read(newest)
    except ValueError as error:
        before = [other for other in sorted(newest.parent.glob(PATTERN)) if other < newest]
        if not before:
            raise
        raise ValueError(f"{error}; the checkpoint before it is {before[-1]}") from error
