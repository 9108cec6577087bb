"""`indrnn study bugs`: the gradient check on a gallery of wrong backward passes."""

from __future__ import annotations

import argparse
from typing import Any

from . import options, studies


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the instrument."""
    options.add_number(parser, "--seed", 0, "seed of the random arrays")
    studies.add_output(parser, "bugs")


def run(args: argparse.Namespace) -> int:
    """Check the wrong backward passes, print the table, write the results, and return 0."""
    from .. import study

    finding = study.bugs(args.seed)
    if not args.json:
        _print(finding)
    return studies.write_and_print([finding], args, "bugs")


def _print(finding: Any) -> None:
    from rich.table import Table

    table = Table("mistake", "case", header_style="bold")
    for column in ("error", "of the right one"):
        table.add_column(column, justify="right")
    table.add_column("result")
    table.add_column("wrong")
    for mistake, case, error, right, result, wrong in zip(*finding.table().values(), strict=True):
        colour = "green" if result == "caught" else "yellow"
        table.add_row(mistake, case, f"{error:.1e}", f"{right:.1e}", f"[{colour}]{result}[/]", wrong)
    options.console(140).print(table)
