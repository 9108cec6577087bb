"""`indrnn check`: check on this machine that every backward pass and every fast twin is correct.

Exit code 0: all checks passed. 1: a check failed, or is undecided because every step size reached a
kink.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Iterable
from typing import Any

from . import options, table
from .bar import Bar

PASSED, FAILED = "passed", "failed"  # copied from _gradcheck.report, whose import loads numpy
METHODS = ("steps", "jvp")
HEADER = ("what", "largest error", "tolerance", "kinks", "result", "ms")
WORDS, OPTIONAL = ("what", "result"), ("ms", "kinks")
_COLOURS = {PASSED: "green", FAILED: "bold red"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("--backend", metavar="NAME", help="backend to check (default: all of this machine)")
    text = (
        "how derivatives are computed: steps, or jvp (forward mode, without a step; nothing else is checked)"
    )
    parser.add_argument("--method", choices=METHODS, default=METHODS[0], help=text)
    options.add_number(parser, "--seed", 0, "seed of the random arrays")
    options.add(parser, "--threads", "--json")


def run(args: argparse.Namespace) -> int:
    """Run all checks, print them, and return the exit code."""
    from ..backend import backends, get

    chosen = [get(args.backend).name] if args.backend else list(backends())
    options.note_simulation("check", chosen, "sizes are small and whole networks are left out")
    started = time.perf_counter()
    with Bar() as progress:
        results = run_checks(chosen, args.seed, "", progress, args.method)
    seconds = time.perf_counter() - started
    if args.json:
        options.print_json({"passed": _passed(results), "seconds": seconds, "checks": results})
    else:
        _print_table(results, seconds)
    return 0 if _passed(results) else 1


def run_checks(
    backends: Iterable[str], seed: int = 0, only: str = "", progress: Callable[..., None] | None = None,
    method: str = METHODS[0],
) -> list[dict[str, Any]]:  # fmt: skip
    """Run the checks whose title contains `only`; return one dict for each, in the order of the table.

    `progress` is called with the title of a check, the number of checks done and the total.
    """
    from .._gradcheck.cases import all_checks, tangent_checks

    results: list[dict[str, Any]] = []
    every = (all_checks if method == METHODS[0] else tangent_checks)(backends, seed)
    checks = [check for check in every if only in check.what]
    for check in checks:
        if progress is not None:
            progress(f"{check.backend}: {check.what}", len(results), len(checks))
        started = time.perf_counter()
        outcome = check.run()
        results.append({
            "what": check.what, "against": check.against, "backend": check.backend, "dtype": check.dtype,
            "error": outcome.error, "tolerance": outcome.tolerance, "kinks": outcome.kinks, "result": outcome.status,
            "ms": 1000 * (time.perf_counter() - started),
            "detail": outcome.detail if outcome.status != PASSED else "",
        })  # fmt: skip
    return results


def _passed(results: list[dict[str, Any]]) -> bool:
    return bool(results) and all(result["result"] == PASSED for result in results)


def _cells(result: dict[str, Any]) -> tuple[str, ...]:
    """Return a row of the table in the order of HEADER."""
    from rich.markup import escape

    colour = _COLOURS.get(result["result"], "yellow")
    numbers = f"{result['error']:.1e}", f"{result['tolerance']:.1e}", str(result["kinks"])
    return escape(result["what"]), *numbers, f"[{colour}]{result['result']}[/]", f"{result['ms']:.0f}"


def _print_table(results: list[dict[str, Any]], seconds: float) -> None:
    """Print the table, the details of each check that did not pass, and a line with the counts."""
    from ..training.progress import duration

    groups = itertools.groupby(results, key=lambda r: f"{r['backend']} against {r['against']}, {r['dtype']}")
    console = options.console(160)
    table.show(
        console, HEADER, [(title, [_cells(r) for r in group]) for title, group in groups], WORDS, OPTIONAL
    )
    for r in results:
        if r["detail"]:
            text = f"{r['what']} ({r['backend']}, {r['dtype']}) {r['result']}:\n{r['detail']}"
            console.print(text, markup=False)
    good = sum(r["result"] == PASSED for r in results)
    console.print(f"{good} of {len(results)} checks passed in {duration(seconds)}", highlight=False)
