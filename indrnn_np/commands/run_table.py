"""Table of runs with their states and last values, as `indrnn watch` and `indrnn sweep` show it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

RUNNING = "running"


@dataclass(frozen=True)
class Run:
    """Name, state and lines of the metrics of a run."""

    name: str
    state: str
    lines: list[dict[str, Any]]

    def names(self, kind: str) -> list[str]:
        """Return the names of the numbers in the lines of a kind, in their order."""
        found = (name for line in self.lines if line["kind"] == kind for name in line)
        return [
            name for name in dict.fromkeys(found) if name not in ("kind", "iteration", "seconds", "epoch")
        ]

    def curve(self, kind: str, name: str) -> tuple[list[int], list[float]]:
        """Return the iterations and the values of a number, without values that were not finite."""
        lines = [line for line in self.lines if line["kind"] == kind and line.get(name) is not None]
        return [line["iteration"] for line in lines], [line[name] for line in lines]


def read(path: str | Path) -> Run:
    """Read the run of a folder."""
    from .._files import locks
    from ..training import records, run_directory

    directory = run_directory.RunDirectory(run_directory.run_of(path))
    state = RUNNING if locks.is_held(directory.path) else "stopped"
    starts = state == RUNNING and not directory.metrics.exists()
    lines = [] if starts else records.read_metrics(directory.metrics)
    if state != RUNNING and directory.summary.is_file():
        ended = records.read_summary(directory.summary)["ended"]
        state = ended if ended == "interrupted" else "finished"
    return Run(directory.path.resolve().name, state, lines)


def usual_metric(runs: list[Run]) -> str:
    """Return the number to show by default: the loss, which training and validation share."""
    known = dict.fromkeys(
        name for run in runs for kind in ("train", "validation") for name in run.names(kind)
    )
    shared = [name for run in runs for name in run.names("train") if name in run.names("validation")]
    return next(iter([*shared[::-1], *list(known)[1:], *known]), "line")


def table(runs: list[Run], name: str) -> Any:
    """Return a table with the state, the last values and the best validation of each run."""
    from rich.table import Table
    from rich.text import Text

    from ..training.metrics import LARGER_IS_BETTER
    from ..training.progress import duration

    result = Table("run", "state", header_style="bold")
    for column in ("iteration", "time", "training", "validation", "best"):
        result.add_column(column, justify="right")
    best = max if LARGER_IS_BETTER.get(name, False) else min
    for run in runs:
        last = run.lines[-1] if run.lines else {"iteration": 0, "seconds": 0.0}
        training, validation = (run.curve(kind, name)[1] for kind in ("train", "validation"))
        values = [training[-1:], validation[-1:], [best(validation)] if validation else []]
        numbers = (f"{value[0]:.4g}" if value else "-" for value in values)
        result.add_row(
            Text(run.name),
            run.state,
            f"{last['iteration']:,}",
            duration(last.get("seconds") or 0.0),
            *numbers,
        )
    return result
