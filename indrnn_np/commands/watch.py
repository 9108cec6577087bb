"""`indrnn watch RUN_DIR ...`: draw the curves of runs in the terminal, once or until the runs end."""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import options
from .run_table import RUNNING, Run, read, table, usual_metric

MOST_ROWS = 24  # of the drawing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("runs", nargs="+", metavar="RUN_DIR", help="folders of runs")
    metric = "number to draw, such as accuracy or gradient_norm (default: the loss)"
    parser.add_argument("--metric", metavar="NAME", help=metric)
    follow = "draw again until the runs have ended, or until Ctrl-C"
    parser.add_argument("--follow", action="store_true", help=follow)
    options.add_number(parser, "--every", 5.0, "seconds between two drawings of --follow")


def run(args: argparse.Namespace) -> int:
    """Draw the curves and return 0."""
    from rich.live import Live

    console = options.console(80)
    with Live(console=console, auto_refresh=False, vertical_overflow="visible") as live:
        try:
            while True:
                runs = _named([read(path) for path in args.runs], args.runs)
                live.update(_page(runs, args.metric, console), refresh=True)
                if not args.follow or all(run.state != RUNNING for run in runs):
                    return 0
                time.sleep(args.every)
        except KeyboardInterrupt:  # a regular end of --follow
            return 0


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
        return Group(Text(f"no {name} yet"), table(runs, name))
    size = console.width, max(8, min(MOST_ROWS, console.height - len(runs) - 6))
    log = 0 < min(values) < max(values) and not LARGER_IS_BETTER.get(name, False)
    drawing = terminal(curves, name, size, log, colours=console.is_terminal and not console.no_color)
    return Group(Text.from_ansi(drawing), table(runs, name))


def _metric(runs: list[Run], metric: str | None) -> str:
    """Return the number to draw: `metric`, or the loss, which training and validation share."""
    from .. import _check

    known = list(
        dict.fromkeys(name for run in runs for kind in ("train", "validation") for name in run.names(kind))
    )
    if metric is not None and known:
        _check.choice("watch", "metric", metric, known)
    return metric or usual_metric(runs)


def _curves(run: Run, name: str, several: bool) -> dict[str, Any]:
    """Return the curves of a run by label: training and validation, of several runs one of them."""
    curves = {kind: run.curve(kind, name) for kind in ("train", "validation")}
    if not several:
        return {"training": curves["train"], "validation": curves["validation"]}
    return {run.name: curves["validation"] if curves["validation"][0] else curves["train"]}
