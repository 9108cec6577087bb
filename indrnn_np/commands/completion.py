"""`indrnn --print-completion SHELL`: the script by which a shell completes commands, options and paths."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Any

SHELLS = ("bash", "zsh", "fish", "tcsh")
PATHS = ("run_dir", "runs", "out", "resume", "config", "data", "exclude", "cache")  # options that take a path


class PrintCompletion(argparse.Action):
    """The option: print the script, written by shtab, and exit."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, *rest: Any) -> None:
        """Print the script for the shell in `rest`."""
        from .. import _check

        try:
            shtab = _check.optional("indrnn", "shtab", "completion")
        except ModuleNotFoundError as error:
            parser.exit(2, f"{error}\n")
        for action in _actions(parser):
            if action.dest in PATHS:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
        sys.stdout.write(shtab.complete(parser, rest[0]) + "\n")
        parser.exit()


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield the arguments of a parser and of all its subcommands."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)
