"""`indrnn reproduce [ROW ...]`: run rows of the papers' tables, and write reached beside the papers' numbers."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "rows", nargs="*", metavar="ROW", help="TABLE/MODEL, a table, or all; without any the rows are listed"
    )
    parser.add_argument(
        "--full",
        action="store_true",
        help="the paper's settings, which take hours to days (default: a budgeted form)",
    )
    parser.add_argument("--seeds", type=_seeds, default=(0,), metavar="N,...", help="(default: 0)")
    parser.add_argument("--out", metavar="DIR", default="runs/reproduce", help="(default: runs/reproduce)")
    parser.add_argument(
        "--minutes",
        type=float,
        default=0.0,
        metavar="M",
        help="stop after so many; the same command then goes on",
    )
    parser.add_argument(
        "--data",
        action="append",
        default=[],
        metavar="TASK=PATH",
        help="where a task's data is; once for each task",
    )
    parser.add_argument("--backend", default="cpu", help="cpu, cuda or reference (default: cpu)")
    parser.add_argument("--threads", type=int, default=0, help="threads; 0: one a core (default: 0)")
    parser.add_argument("--table", action="store_true", help="run nothing, write the table of what is there")
    parser.add_argument("--json", action="store_true", help="print the table as JSON")
    parser.add_argument("--quiet", action="store_true", help="no progress on stderr")


def run(args: argparse.Namespace) -> int:
    """Run what is asked for, write the table, print it, and return 0, or 130 if runs are left."""
    from .. import reproduce
    from .._threads import set_threads
    from ..training.progress import Reporter

    if not args.rows and not args.table:
        sys.stdout.write(listing(reproduce.catalogue()))
        return 0
    if args.threads:
        set_threads(args.threads)
    rows = reproduce.find(args.rows or ["all"])
    form = reproduce.FORMS[args.full]
    reporter, out = Reporter(not args.quiet), Path(args.out)
    ended = True
    if not args.table:
        paths = _paths(args.data)
        given = {"backend": args.backend, "threads": args.threads}
        todo = [
            job for row in rows
            for job in reproduce.jobs([row], form, args.seeds, out, given | paths.get(row.task, {}))
        ]  # fmt: skip
        todo.sort(key=lambda job: args.seeds.index(job.seed))
        out.mkdir(parents=True, exist_ok=True)
        ended = reproduce.run(todo, reporter, args.minutes, lambda job: _write(out, reporter, quiet=True))
    entries = _write(out, reporter, quiet=False)
    chosen = {row.name for row in rows}
    shown = [entry for entry in entries if entry["row"] in chosen]
    from ..reproduce.table import markdown

    sys.stdout.write(json.dumps(shown, indent=2) + "\n" if args.json else markdown(shown))
    return 0 if ended else 130


def listing(rows: Any) -> str:
    """The rows by table, with the paper's words, for who asks which there are."""
    lines, table = [], None
    for row in rows:
        if row.table != table:
            table = row.table
            lines += ["", f"{table}:"]
        lines.append(f"  {row.name:<32} {row.says}")
    how = "indrnn reproduce TABLE/MODEL ... | TABLE ... | all    runs them; --full takes the paper's settings"
    return "\n".join([*lines[1:], "", how, ""])


def _write(out: Path, reporter: Any, quiet: bool) -> list[dict[str, Any]]:
    """Write table and plot of all that is in the folder; returns the table's entries."""
    from importlib.util import find_spec

    from .. import reproduce

    if not out.is_dir():
        raise FileNotFoundError(f"reproduce: {out} is not a folder, expected one with runs of this command")
    entries = reproduce.collect(reproduce.catalogue(), out)
    paths = reproduce.write(entries, out)
    if find_spec("matplotlib") is None:
        reporter.log("no curves.png: matplotlib is not installed (pip install 'indrnn-np[plot]')")
    elif any(run["validation"] for entry in entries for run in entry["runs"]):
        from .. import plots

        paths.append(plots.reproduction(entries, out / "curves.png"))
    if not quiet:
        reporter.log("written: " + ", ".join(str(path) for path in paths))
    return entries


def _paths(given: list[str]) -> dict[str, dict[str, str]]:
    """TASK=PATH as settings by task."""
    from .. import settings

    found = {}
    for text in given:
        task, equals, path = text.partition("=")
        if not equals or task not in settings.TASKS or "data" not in settings.of_task(task):
            known = [name for name in settings.TASKS if "data" in settings.of_task(name)]
            raise ValueError(
                f"reproduce: data is {text!r}, expected TASK=PATH with a task out of {', '.join(known)}"
            )
        found[task] = {"data": path}
    return found


def _seeds(text: str) -> tuple[int, ...]:
    """0,1,2 as numbers, each once."""
    try:
        seeds = tuple(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError:
        raise argparse.ArgumentTypeError(f"seeds is {text!r}, expected whole numbers such as 0,1,2") from None
    if min(seeds) < 0:
        raise argparse.ArgumentTypeError(f"seeds is {text!r}, expected numbers that are not negative")
    return seeds
