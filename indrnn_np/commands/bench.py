"""`indrnn bench`: time kernels and a training iteration, compared with the limits of this machine.

With several backends it compares them over a grid of sizes. Exit code 0: all results are correct
and timed. 1: a kernel disagrees with the reference and is not timed.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from ..bench import CASES, LEVELS, report, select
from . import options, table
from .bar import Bar

SECONDS = {True: 0.3, False: 0.7}  # time for each candidate of a case, with --quick and without
ROUNDS = {True: 3, False: 5}
ABOUT = ("versions", "machine", "BLAS", "environment")  # sections of `indrnn info` without private folders
BACKENDS = "cpu"  # the backend that is compared with the limits of the machine
Output = tuple[dict[str, Any], tuple[str, ...], list[Any]]  # result, header, and the rows of each case


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    names = ", ".join(case.name for case in CASES)
    parser.add_argument("--quick", action="store_true", help="fewer shapes and calls")
    cases = f"only these cases, large ones included: {names}"
    parser.add_argument("--cases", nargs="+", default=[], metavar="NAME", help=cases)
    backends = f"several backends, such as cpu,cuda: compare them over a grid of sizes (default: {BACKENDS})"
    parser.add_argument("--backend", default=BACKENDS, metavar="NAMES", help=backends)
    ladder = "time recurrence, indrnn, batchnorm and adam from the reference to the tuned kernel"
    parser.add_argument("--ladder", action="store_true", help=ladder)
    crossover = "serial recurrence and scan over time over a grid of sizes, and the table for --time-table"
    parser.add_argument("--crossover-time", action="store_true", help=crossover)
    out = "folder for bench.json and .png (crossover.json, ladder.json, crossover_time.json, time_table.json)"
    parser.add_argument("--out", metavar="DIR", help=out)
    options.add(parser, "--threads", "--json")


def run(args: argparse.Namespace) -> int:
    """Check and time the kernels, write and print the results, and return the exit code."""
    from ..bench import load
    from . import info

    name = "ladder" if args.ladder else "crossover" if args.backend != BACKENDS else "bench"
    name = "crossover_time" if args.crossover_time else name
    if name.startswith("crossover"):
        small = "sizes are small and times say nothing about a GPU"
        options.note_simulation("bench", args.backend.split(","), small)
    share, cores = load.share_of_cores()
    if busy := load.warnings(share, cores):
        sys.stderr.write(f"bench: {busy[0]}\n")
    ways = {"ladder": _ladder, "crossover": _crossover, "crossover_time": _crossover_time, "bench": _limits}
    result, header, groups = ways[name](args)
    facts = info.facts()
    about = ABOUT if name == "bench" else (*ABOUT, "GPU")
    sections = {head: entries for head, entries in info.sections(facts).items() if head in about}
    result |= {"machine": sections | {"advice": busy + info.advice(facts)}, "share_of_cores": share}
    files = [] if args.out is None else _write(result, Path(args.out), name)
    if args.json:
        options.print_json(result)
    else:
        _print(result, header, groups, files)
    return 0 if report.passed(result) else 1


def _limits(args: argparse.Namespace) -> Output:
    """Time the cases and compare them with the limits of the machine."""
    from .. import bench

    cases = select(LEVELS[0] if args.quick else LEVELS[1], args.cases)
    with Bar() as progress:
        result = bench.run(cases, progress=progress, **_turns(args))
    return result, report.HEADER, [report.cells(case) for case in result["cases"]]


def _crossover(args: argparse.Namespace) -> Output:
    """Time the backends over a grid of sizes."""
    from .. import _check, bench
    from ..bench import crossover

    if args.cases:
        because = f"because --backend {args.backend} times a fixed grid of sizes"
        _check.fail("bench", f"--cases is {' '.join(args.cases)}", "none", because)
    backends, grid = _grid(args, crossover)
    with Bar() as progress:
        result = bench.run_crossover(backends, grid, progress=progress, **_turns(args))
    header = report.crossover_header(result)
    return result, header, [report.crossover_cells(result, case) for case in result["cases"]]


def _crossover_time(args: argparse.Namespace) -> Output:
    """Time the serial recurrence and the scan over time over a grid of sizes."""
    from .. import _check, bench
    from ..bench import crossover_time

    if args.cases or args.ladder:
        option = "--ladder" if args.ladder else f"--cases {' '.join(args.cases)}"
        because = "because --crossover-time times a fixed grid of sizes"
        _check.fail("bench", f"{option} is set", "no such option", because)
    backends, grid = _grid(args, crossover_time)
    with Bar() as progress:
        result = bench.run_crossover_time(backends, grid, progress=progress, **_turns(args))
    result["time_table"] = crossover_time.time_table(result)
    cells = [row for case in result["cases"] for row in report.crossover_time_cells(case)]
    return result, report.CROSSOVER_TIME_HEADER, [cells]


def _grid(args: argparse.Namespace, module: ModuleType) -> tuple[list[str], Any]:
    """Return the names of the backends, and the sizes of a crossover's module that suit them."""
    backends = args.backend.split(",")
    if options.simulated(backends):
        return backends, module.SIMULATED_GRID
    return backends, module.QUICK_GRID if args.quick else module.GRID


def _ladder(args: argparse.Namespace) -> Output:
    """Time the rungs of the ops that have plain twins."""
    from .. import _check, bench

    if args.backend != BACKENDS:
        because = "because --ladder times every rung that this machine has"
        _check.fail("bench", f"--backend is {args.backend}", f"no --backend with --ladder, {because}")
    with Bar() as progress:
        result = bench.run_ladder(args.cases or None, progress=progress, **_turns(args))
    return result, report.LADDER_HEADER, [report.ladder_cells(case) for case in result["cases"]]


def _turns(args: argparse.Namespace) -> dict[str, Any]:
    return {"seconds": SECONDS[args.quick], "rounds": ROUNDS[args.quick]}


def _write(result: dict[str, Any], folder: Path, name: str) -> list[str]:
    """Write NAME.json and, with matplotlib, NAME.png; return the lines to print."""
    from .. import _files, plots
    from .._files import locks

    folder = _files.user_path("bench", "out", folder)
    with locks.only_writer("bench", folder, results=True):
        files = [f"{name}.json"]
        _files.replace_text("bench", folder / files[0], json.dumps(result, indent=2) + "\n")
        if "time_table" in result:
            files.append("time_table.json")
            _files.replace_text("bench", folder / files[1], json.dumps(result["time_table"], indent=2) + "\n")
        plot = plots.style.no_plot(f"{name}.png")
        plot = plot or f"plot: {getattr(plots, name)(result, folder / f'{name}.png')}"
        return [*(f"results: {folder / file}" for file in files), plot]


def _print(result: dict[str, Any], header: tuple[str, ...], groups: list[Any], files: list[str]) -> None:
    """Print the table, the remarks, the advice for this machine and the paths of the files."""
    from rich.markup import escape

    titles = header[0] in ("case", "op")  # the first column names the group
    console, escaped = options.console(180), [[tuple(map(escape, row)) for row in rows] for rows in groups]
    tables = [(rows[0][0], [row[1:] for row in rows]) if titles else ("", rows) for rows in escaped if rows]
    table.show(console, header[titles:], tables, report.WORDS, report.OPTIONAL)
    remarks = report.remarks(result) + report.explanations(result)
    for text in (*remarks, *result["machine"]["advice"], report.summary(result), *files):
        console.print(text, markup=False, highlight=False)
