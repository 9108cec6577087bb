"""The command `indrnn bench`: what this machine makes of the kernels and of a training step, beside its own limits;
with several backends, from which size on which of them is faster.

Exit code 0: everything was right and timed. 1: a kernel did not agree with the reference; it is not timed.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from ..bench import CASES, LEVELS, report, select
from .bar import Bar

SECONDS = {True: 0.3, False: 0.7}  # each candidate is timed in each case, with --quick and without
ROUNDS = {True: 3, False: 5}
ABOUT = ("versions", "machine", "BLAS", "environment")  # of `indrnn info`; folders are nobody else's business
BACKENDS = "cpu"  # what is timed beside the machine's limits; others are timed beside each other


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    names = ", ".join(case.name for case in CASES)
    parser.add_argument("--quick", action="store_true", help="fewer shapes and calls")
    parser.add_argument(
        "--cases", nargs="+", default=[], metavar="NAME", help=f"these only; large ones too: {names}"
    )
    parser.add_argument(
        "--backend", default=BACKENDS, metavar="NAMES",
        help=f"several, as cpu,cuda: which is faster from which size on (default: {BACKENDS})",
    )  # fmt: skip
    parser.add_argument("--threads", type=int, default=0, help="threads; 0: one a core (default: 0)")
    parser.add_argument(
        "--out", metavar="DIR", help="folder for bench.json and .png, or crossover.json and .png"
    )
    parser.add_argument("--json", action="store_true", help="print the results as JSON")


def run(args: argparse.Namespace) -> int:
    """Check, time, print, draw, and return the exit code."""
    from . import info

    beside = args.backend != BACKENDS
    result = _crossover(args) if beside else _limits(args)
    facts = info.facts()
    about = (*ABOUT, "GPU") if beside else ABOUT
    told = {head: entries for head, entries in info.sections(facts).items() if head in about}
    result["machine"] = told | {"advice": info.advice(facts)}
    files = [] if args.out is None else _write(result, Path(args.out), "crossover" if beside else "bench")
    if args.json:
        sys.stdout.write(json.dumps(result, indent=2) + "\n")
    elif beside:
        rows = [report.crossover_cells(result, case) for case in result["cases"]]
        _print(result, report.crossover_header(result), rows, files)
    else:
        _print(result, report.HEADER, [report.cells(case) for case in result["cases"]], files)
    return 0 if report.passed(result) else 1


def _limits(args: argparse.Namespace) -> dict[str, Any]:
    """Time the cases beside the machine's limits."""
    from .. import bench

    cases = select(LEVELS[0] if args.quick else LEVELS[1], args.cases)
    with Bar() as progress:
        return bench.run(cases, args.threads, progress=progress, **_turns(args))


def _crossover(args: argparse.Namespace) -> dict[str, Any]:
    """Time the backends beside each other."""
    from .. import _check, bench
    from ..bench import crossover

    if args.cases:
        because = f"because --backend {args.backend} has a grid of its own"
        _check.fail("bench", f"--cases is {' '.join(args.cases)}", "none", because)
    grid = crossover.QUICK_GRID if args.quick else crossover.GRID
    with Bar() as progress:
        return bench.run_crossover(
            args.backend.split(","), grid, args.threads, progress=progress, **_turns(args)
        )


def _turns(args: argparse.Namespace) -> dict[str, Any]:
    return {"seconds": SECONDS[args.quick], "rounds": ROUNDS[args.quick]}


def _write(result: dict[str, Any], folder: Path, name: str) -> list[str]:
    """Write NAME.json and, with matplotlib, NAME.png; returns what to tell."""
    from importlib.util import find_spec

    from .. import _files

    text = json.dumps(result, indent=2) + "\n"
    _files.replace("bench", folder / f"{name}.json", lambda file: file.write(text.encode()))
    told = [f"results: {folder / f'{name}.json'}"]
    if find_spec("matplotlib") is None:
        return [*told, f"no {name}.png: matplotlib is not installed (pip install 'indrnn-np[plot]')"]
    from .. import plots

    return [*told, f"plot: {getattr(plots, name)(result, folder / f'{name}.png')}"]


def _print(
    result: dict[str, Any], header: tuple[str, ...], groups: list[list[tuple[str, ...]]], files: list[str]
) -> None:
    """The table, what is not a number, what could be faster on this machine, and where the files are."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(header_style="bold")
    for head in header:
        table.add_column(head, justify="left" if head in report.WORDS else "right")
    for rows in groups:
        for cells in rows:
            table.add_row(*map(escape, cells))
        table.add_section()
    # a file has no width that the table must fit
    console = Console() if sys.stdout.isatty() else Console(width=180)
    console.print(table)
    for text in (*report.remarks(result), *result["machine"]["advice"], report.summary(result), *files):
        console.print(text, markup=False, highlight=False)
