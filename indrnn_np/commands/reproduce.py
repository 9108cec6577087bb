"""`indrnn reproduce [ROW ...]`: run rows of the papers' tables and compare the results with them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from . import launched, options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    rows = "TABLE/MODEL, TABLE or all (default: list the rows)"
    parser.add_argument("rows", nargs="*", metavar="ROW", help=rows)
    full = "settings of the paper, which take hours to days (default: a shorter form)"
    parser.add_argument("--full", action="store_true", help=full)
    options.add(parser, "--seeds", "--jobs")
    parser.add_argument("--out", metavar="DIR", default="runs/reproduce", help="(default: runs/reproduce)")
    minutes = "time limit; the same command continues later (default: no limit)"
    parser.add_argument("--minutes", type=float, default=0.0, metavar="M", help=minutes)
    data = "path of the data of a task; once for each task"
    parser.add_argument("--data", action="append", default=[], metavar="TASK=PATH", help=data)
    parser.add_argument("--backend", default="cpu", help="cpu, cuda or reference (default: cpu)")
    dry = "train nothing; list parameters, iterations and expected minutes of the rows"
    parser.add_argument("--dry", action="store_true", help=dry)
    parser.add_argument("--table", action="store_true", help="run nothing; write the table of all results")
    options.add(parser, "--threads", "--json", "--quiet")


def run(args: argparse.Namespace) -> int:
    """Run the chosen rows, write and print the table, and return 0, or 130 if runs remain."""
    from .. import _files, reproduce
    from ..training.progress import Reporter

    if not (args.rows or args.table or args.dry):
        sys.stdout.write(listing(reproduce.catalogue()))
        return 0
    launched.refuse_ranks("reproduce", "--jobs N")
    rows = reproduce.find(args.rows or ["all"])
    reporter = Reporter(not args.quiet)
    out = _files.user_path("reproduce", "out", args.out)
    jobs, ended = _jobs(args, rows, out), True
    if args.dry:
        return _dry(args, jobs[: len(rows)], reporter)
    if not args.table:
        out.mkdir(parents=True, exist_ok=True)
        ended = reproduce.run(
            jobs, reporter, args.minutes, lambda job: _write(out, reporter, quiet=True), args.jobs
        )
    entries = _write(out, reporter, quiet=False)
    chosen = {row.name for row in rows}
    shown = [entry for entry in entries if entry["row"] in chosen]
    from ..reproduce.table import markdown

    if args.json:
        options.print_json(shown)
    else:
        sys.stdout.write(markdown(shown))
    return 0 if ended else 130


def _jobs(args: argparse.Namespace, rows: Any, out: Path) -> list[Any]:
    """Return a job for every row and seed, ordered by seed first."""
    from .. import reproduce

    paths, machine = _paths(args.data), {"backend": args.backend, "threads": args.threads}
    return [
        reproduce.Job(row, reproduce.FORMS[args.full], seed, out, machine | paths.get(row.task, {}))
        for seed in args.seeds
        for row in rows
    ]


def _dry(args: argparse.Namespace, jobs: list[Any], reporter: Any) -> int:
    """Print parameters, iterations and expected minutes of the first seed of each row, and return 0."""
    from dataclasses import asdict

    from .. import reproduce
    from . import table

    estimates = []
    for job in jobs:
        reporter.log(f"{job.row.name}: measuring")
        estimates.append(reproduce.estimate(job))
    if args.json:
        options.print_json([asdict(each) for each in estimates])
        return 0
    known = [each for each in estimates if not each.problem]
    rows = [
        [each.row, f"{each.parameters:,}", f"{each.iterations:,}", f"{each.minutes:.1f}"] for each in known
    ]
    console = options.console(80)
    table.show(console, ("row", "parameters", "iterations", "minutes"), [("", rows)], words=("row",))
    problems: dict[str, list[str]] = {}
    for each in estimates:
        if each.problem:
            problems.setdefault(each.problem, []).append(each.row)
    for problem, names in problems.items():
        console.print(f"not measured: {', '.join(names)}: {problem}", highlight=False, markup=False)
    seeds = len(args.seeds)
    hours = seeds * sum(each.minutes or 0.0 for each in known) / 60
    total = f"{len(known)} of {len(estimates)} rows, {seeds} seed{'s'[: seeds > 1]} each: {hours:.1f} hours"
    console.print(total, highlight=False)
    return 0 if known else 2


def listing(rows: Any) -> str:
    """Return the rows as text, by table, with their descriptions."""
    lines, table = [], None
    for row in rows:
        if row.table != table:
            table = row.table
            lines += ["", f"{table}:"]
        lines.append(f"  {row.name:<32} {row.statement}")
    usage = "indrnn reproduce TABLE/MODEL ... | TABLE ... | all    runs them, with --full in the settings of the paper"
    return "\n".join([*lines[1:], "", usage, ""])


def _write(out: Path, reporter: Any, quiet: bool) -> list[dict[str, Any]]:
    """Write table and plot of all runs in the folder; return the entries of the table."""
    from .. import plots, reproduce
    from .._files import locks

    if not out.is_dir():
        raise FileNotFoundError(f"reproduce: {out} is not a folder, expected one with runs of this command")
    with locks.only_writer("reproduce", out, results=True):  # the last of several processes reads all runs
        entries = reproduce.collect(reproduce.catalogue(), out)
        paths = reproduce.write(entries, out)
        if message := plots.style.no_plot("pictures"):
            reporter.log(message)
        else:
            paths += plots.reproduction(entries, out)
    if not quiet:
        reporter.log("written: " + ", ".join(str(path) for path in paths))
    return entries


def _paths(texts: list[str]) -> dict[str, dict[str, str]]:
    """Parse TASK=PATH into settings by task."""
    from ..settings import settings

    paths = {}
    known = [name for name in settings.TASKS if "data" in settings.of_task(name)]
    for text in texts:
        task, equals, path = text.partition("=")
        if not equals or task not in known:
            tasks = ", ".join(known)
            raise ValueError(f"reproduce: data is {text!r}, expected TASK=PATH with TASK one of {tasks}")
        paths[task] = {"data": path}
    return paths
