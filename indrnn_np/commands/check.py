"""The command `indrnn check`: prove on the user's own machine that every backward is right and every fast twin true.

Exit code 0: everything passed. 1: something failed, or stayed undecided because a kink was within reach of every step.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable
from typing import Any

PASSED, FAILED = (
    "passed",
    "failed",
)  # words of gradcheck.report; importing it would load numpy for every command
_COLOURS = {PASSED: "green", FAILED: "bold red"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes, except for what the parser already has."""
    known = {option for action in parser._actions for option in action.option_strings}
    wanted: dict[str, dict[str, Any]] = {
        "--backend": {
            "metavar": "NAME",
            "help": "check this backend only (default: all that this machine has)",
        },
        "--threads": {"type": int, "default": 0, "help": "threads; 0: one a core (default: 0)"},
        "--seed": {"type": int, "default": 0, "help": "of the arrays that are drawn (default: 0)"},
        "--json": {"action": "store_true", "help": "print the results as JSON"},
    }
    for option, settings in wanted.items():
        if option not in known:
            parser.add_argument(option, **settings)


def run(args: argparse.Namespace) -> int:
    """Run all checks, print them, and return the exit code."""
    from .._threads import set_threads
    from ..backend import backends, get

    if args.threads:
        set_threads(args.threads)
    chosen = [get(args.backend).name] if args.backend else list(backends())
    started = time.perf_counter()
    results = run_checks(chosen, args.seed or 0)
    seconds = time.perf_counter() - started
    if args.json:
        _console().print_json(json.dumps({"passed": _passed(results), "seconds": seconds, "checks": results}))
    else:
        _print_table(results, seconds)
    return 0 if _passed(results) else 1


def run_checks(backends: Iterable[str], seed: int = 0, only: str = "") -> list[dict[str, Any]]:
    """Run the checks whose title holds `only`; one dict of plain values for each, in the order of the table."""
    from ..gradcheck.cases import all_checks

    results = []
    for check in all_checks(backends, seed):
        if only not in check.what:
            continue
        started = time.perf_counter()
        outcome = check.run()
        results.append(
            {
                "what": check.what,
                "against": check.against,
                "backend": check.backend,
                "dtype": check.dtype,
                "error": outcome.error,
                "tolerance": outcome.tolerance,
                "kinks": outcome.kinks,
                "result": outcome.status,
                "ms": 1000 * (time.perf_counter() - started),
                "detail": outcome.detail if outcome.status != PASSED else "",
            }
        )
    return results


def _passed(results: list[dict[str, Any]]) -> bool:
    return bool(results) and all(result["result"] == PASSED for result in results)


def _console() -> Any:
    from rich.console import Console

    return (
        Console() if sys.stdout.isatty() else Console(width=160)
    )  # a file has no width that the table must fit


def _print_table(results: list[dict[str, Any]], seconds: float) -> None:
    """The table, then what is known about each check that did not pass, then one line that counts."""
    from rich.markup import escape
    from rich.table import Table

    table = Table("what", "against", "backend", "dtype", header_style="bold")
    for column in ("largest error", "tolerance", "kinks"):
        table.add_column(column, justify="right")
    table.add_column("result")
    table.add_column("ms", justify="right")
    for r in results:
        colour = _COLOURS.get(r["result"], "yellow")
        numbers = f"{r['error']:.1e}", f"{r['tolerance']:.1e}", str(r["kinks"])
        result = f"[{colour}]{r['result']}[/]"
        table.add_row(
            escape(r["what"]), r["against"], r["backend"], r["dtype"], *numbers, result, f"{r['ms']:.0f}"
        )
    console = _console()
    console.print(table)
    for r in results:
        if r["detail"]:
            console.print(
                f"{r['what']} ({r['backend']}, {r['dtype']}) {r['result']}:\n{r['detail']}", markup=False
            )
    good = sum(r["result"] == PASSED for r in results)
    console.print(f"{good} of {len(results)} checks passed in {seconds:.0f} s", highlight=False)
