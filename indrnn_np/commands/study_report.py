"""`indrnn study report RUN_DIR`: one self-contained HTML file about a trained run."""

from __future__ import annotations

import argparse
import json
import sys
from importlib.util import find_spec

from . import options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    options.add(parser, "run_dir", "--which")
    parser.add_argument("--out", metavar="FILE", help="path of the report (default: RUN_DIR/report.html)")
    options.add(parser, "--data", "--backend", "--threads", "--json", "--quiet")


def run(args: argparse.Namespace) -> int:
    """Write the report, print its path, and return 0."""
    missing = [name for name in ("matplotlib", "jinja2") if find_spec(name) is None]
    if missing:
        expected = "both to be installed to draw the page (pip install 'indrnn-np[plot]')"
        raise RuntimeError(f"study report: {' and '.join(missing)} can't be found, expected {expected}")
    from .. import study

    def progress(title: str) -> None:
        if not args.quiet:
            sys.stderr.write(f"{title} ...\n")

    path = study.report(args.run_dir, args.out, args.which, args.data, args.backend, progress)
    sys.stdout.write(json.dumps({"report": str(path)}) + "\n" if args.json else f"written: {path}\n")
    return 0
