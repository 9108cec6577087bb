"""`indrnn sweep TASK`: train with every combination of settings and seeds, and write a table and a figure."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from ..settings import assignments, settings
from . import launched, options

SOME_FAILED, INTERRUPTED = 1, 130  # exit codes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.epilog = "`indrnn train TASK --help` lists the settings of a task."
    tasks = f"one of: {', '.join(settings.TASKS)}"
    parser.add_argument("task", choices=settings.TASKS, metavar="TASK", help=tasks)
    values = "values of a setting of `indrnn train`, such as lr=1e-4,1e-3; once for each setting"
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE,...", help=values)
    options.add(parser, "--seeds", "--jobs")
    config = "TOML file of settings for all runs; --set takes precedence"
    parser.add_argument("--config", metavar="FILE", help=config)
    parser.add_argument("--out", metavar="DIR", help="folder of the runs (default: runs/sweep/TASK)")
    parser.add_argument("--dry", action="store_true", help="list the runs and start none")
    options.add(parser, "--json", "--quiet")


def run(args: argparse.Namespace) -> int:
    """Run the sweep, print its table, and return 0, 1 if a run failed, or 130 after Ctrl-C."""
    from .._sweep import pool, product, sweep
    from .._sweep.job import FAILED

    launched.refuse_ranks("sweep", "`python -m mpi4py.futures` with ir.sweep (docs/scale.md)")
    out = product.out_of(args.task, args.out)
    jobs = product.jobs_of(args.task, _sets(args), args.seeds, out, args.config, pool.threads_each(args.jobs))
    if args.dry:
        sys.stdout.write(_listing(jobs, args.jobs))
        return 0
    with _watch(args.quiet) as watch:
        result, complete = sweep.run_all(jobs, out, watch, args.jobs)
    written = result.write()
    if args.json:
        options.print_json(result.entries())
    else:
        files = ", ".join(map(str, written))
        sys.stdout.write(f"{result.markdown()}\nwritten: {files}\n")
    if not complete:
        sys.stderr.write("sweep: interrupted; the same command continues\n")
        return INTERRUPTED
    failed = sum(run["state"] == FAILED for run in result.runs)
    if failed:
        sys.stderr.write(f"sweep: {failed} of {len(jobs)} runs failed; the same command tries them again\n")
    return SOME_FAILED if failed else 0


def _sets(args: argparse.Namespace) -> dict[str, list[Any]]:
    """Return the values of each setting."""
    sets: dict[str, list[Any]] = {}
    for text in args.set:
        name, values = assignments.several("sweep", text, args.task)
        if name in sets:
            raise ValueError(f"sweep: --set {text!r} sets {name} again, expected its values in one --set")
        sets[name] = values
    return sets


def _listing(jobs: Sequence[Any], processes: int) -> str:
    """Return the folders of the runs with their states, and a line with the number of processes and threads."""
    from .._sweep.job import finished

    lines = []
    for job in jobs:
        directory = job.directory
        done = list(directory.files())
        state = f"resumes after iteration {done[-1]}" if done else "new"
        lines.append(f"{directory.path}: {'finished' if finished(directory) else state}")
    each = jobs[0].used["threads"] or "all"
    return "\n".join([*lines, f"{len(jobs)} runs, processes: {processes}, threads each: {each}", ""])


def _watch(quiet: bool) -> AbstractContextManager[Any]:
    """Return a context with a live table on a terminal, with lines elsewhere, or with silence."""
    from .._sweep.sweep import Watch
    from ..training.progress import Reporter
    from .live_table import LiveTable

    if quiet or not sys.stderr.isatty():
        return nullcontext(Watch(Reporter(not quiet).log))
    return LiveTable()
