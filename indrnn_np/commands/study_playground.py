"""`indrnn study playground`: open the page that runs an IndRNN and its gradients in the browser."""

from __future__ import annotations

import argparse
import sys
import webbrowser
from pathlib import Path

from .. import _files

PAGE = Path(__file__).parents[1] / "study" / "playground.html"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("--out", metavar="FILE", help="write a copy of the page, and do not open it")


def run(args: argparse.Namespace) -> int:
    """Open the page or copy it, print its path, and return 0."""
    if args.out is not None:
        path = _files.user_path("study playground", "out", args.out)
        _files.replace("study playground", path, lambda file: file.write(PAGE.read_bytes()))
        sys.stdout.write(f"written: {path}\n")
        return 0
    sys.stdout.write(f"{PAGE}\n")
    if not webbrowser.open(PAGE.as_uri()):
        sys.stderr.write("no browser was found: open this file in one\n")
    return 0
