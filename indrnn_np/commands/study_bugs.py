"""`indrnn study bugs`: the gallery of wrong backward passes before the gradient check."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from . import studies


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the instrument takes."""
    parser.add_argument("--seed", type=int, default=0, help="of the arrays that are drawn (default: 0)")
    studies.add_output(parser, "bugs")


def run(args: argparse.Namespace) -> int:
    """Check, print the table, write, tell, and return 0."""
    from .. import study

    found = study.bugs(args.seed)
    if not args.json:
        _print(found)
    studies.tell([found], studies.write([found], args, "bugs"), args.json)
    return 0


def _print(found: Any) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("mistake", "case", header_style="bold")
    for column in ("error", "of the right one"):
        table.add_column(column, justify="right")
    table.add_column("result")
    table.add_column("wrong")
    columns = found.table()
    for mistake, case, error, right, result, wrong in zip(*columns.values(), strict=True):
        colour = "green" if result == "caught" else "yellow"
        table.add_row(mistake, case, f"{error:.1e}", f"{right:.1e}", f"[{colour}]{result}[/]", wrong)
    # a file has no width that the table must fit
    (Console() if sys.stdout.isatty() else Console(width=140)).print(table)
