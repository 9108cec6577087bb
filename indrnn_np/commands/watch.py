"""`indrnn watch RUN_DIR ...`: draw the curves of runs in the terminal, once or until the runs end."""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from . import options

MOST_ROWS = 24  # of the drawing
RUNNING = "running"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("runs", nargs="+", metavar="RUN_DIR", help="folders of runs")
    metric = "number to draw, such as accuracy or gradient_norm (default: the loss)"
    parser.add_argument("--metric", metavar="NAME", help=metric)
    follow = "draw again until the runs have ended, or until Ctrl-C"
    parser.add_argument("--follow", action="store_true", help=follow)
    options.add_number(parser, "--every", 5.0, "seconds between two drawings of --follow")


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


def run(args: argparse.Namespace) -> int:
    """Draw the curves and return 0."""
    from rich.live import Live

    console = options.console(80)
    with Live(console=console, auto_refresh=False, vertical_overflow="visible") as live:
        try:
            while True:
                runs = _named([_read(path) for path in args.runs], args.runs)
                live.update(_page(runs, args.metric, console), refresh=True)
                if not args.follow or all(run.state != RUNNING for run in runs):
                    return 0
                time.sleep(args.every)
        except KeyboardInterrupt:  # a regular end of --follow
            return 0


def _read(path: str) -> Run:
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


def _named(runs: list[Run], paths: list[str]) -> list[Run]:
    """Return the runs, named by their paths below a common folder if two folders have the same name."""
    if len({run.name for run in runs}) == len(runs):
        return runs
    whole = [Path(path).resolve() for path in paths]
    common = os.path.commonpath(whole)
    return [replace(run, name=os.path.relpath(path, common)) for run, path in zip(runs, whole, strict=True)]


def _page(runs: list[Run], metric: str | None, console: Any) -> Any:
    """Return the drawing of the metric and the table of the runs."""
    from rich.console import Group
    from rich.text import Text

    from ..plots.terminal import terminal
    from ..training.metrics import LARGER_IS_BETTER

    name = _metric(runs, metric)
    curves = {label: curve for run in runs for label, curve in _curves(run, name, len(runs) > 1).items()}
    values = [value for _, values in curves.values() for value in values]
    if not values:
        return Group(Text(f"no {name} yet"), _table(runs, name))
    size = console.width, max(8, min(MOST_ROWS, console.height - len(runs) - 6))
    log = 0 < min(values) < max(values) and not LARGER_IS_BETTER.get(name, False)
    drawing = terminal(curves, name, size, log, colours=console.is_terminal and not console.no_color)
    return Group(Text.from_ansi(drawing), _table(runs, name))


def _metric(runs: list[Run], metric: str | None) -> str:
    """Return the number to draw: `metric`, or the loss, which training and validation share."""
    from .. import _check

    known = list(
        dict.fromkeys(name for run in runs for kind in ("train", "validation") for name in run.names(kind))
    )
    if metric is not None and known:
        _check.choice("watch", "metric", metric, known)
    shared = [name for run in runs for name in run.names("train") if name in run.names("validation")]
    return metric or next(iter([*shared[::-1], *known[1:], *known]), "line")


def _curves(run: Run, name: str, several: bool) -> dict[str, Any]:
    """Return the curves of a run by label: training and validation, of several runs one of them."""
    curves = {kind: run.curve(kind, name) for kind in ("train", "validation")}
    if not several:
        return {"training": curves["train"], "validation": curves["validation"]}
    return {run.name: curves["validation"] if curves["validation"][0] else curves["train"]}


def _table(runs: list[Run], name: str) -> Any:
    """Return a table with the state, the last values and the best validation of each run."""
    from rich.table import Table
    from rich.text import Text

    from ..training.metrics import LARGER_IS_BETTER
    from ..training.progress import duration

    table = Table("run", "state", header_style="bold")
    for column in ("iteration", "time", "training", "validation", "best"):
        table.add_column(column, justify="right")
    best = max if LARGER_IS_BETTER.get(name, False) else min
    for run in runs:
        last = run.lines[-1] if run.lines else {"iteration": 0, "seconds": 0.0}
        training, validation = (run.curve(kind, name)[1] for kind in ("train", "validation"))
        values = [training[-1:], validation[-1:], [best(validation)] if validation else []]
        numbers = (f"{value[0]:.4g}" if value else "-" for value in values)
        table.add_row(
            Text(run.name),
            run.state,
            f"{last['iteration']:,}",
            duration(last.get("seconds") or 0.0),
            *numbers,
        )
    return table
