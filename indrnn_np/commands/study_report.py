"""`indrnn study report RUN_DIR`: one self-contained HTML file about a trained run."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from importlib.util import find_spec


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("run_dir", metavar="RUN_DIR", help="a run's folder, or one of its checkpoints")
    parser.add_argument(
        "--which", choices=("last", "best"), default="last", help="checkpoint of the run (default: last)"
    )
    parser.add_argument("--out", metavar="FILE", help="the file (default: RUN_DIR/report.html)")
    parser.add_argument("--data", metavar="PATH", help="the task's data, if it has moved")
    parser.add_argument("--backend", metavar="NAME", help="another one than the run's")
    parser.add_argument("--threads", type=int, default=0, help="threads; 0: one a core (default: 0)")
    parser.add_argument("--json", action="store_true", help="print the file's path as JSON")
    parser.add_argument("--quiet", action="store_true", help="no progress on stderr")


def run(args: argparse.Namespace) -> int:
    """Write the report, say where it is, and return 0."""
    missing = [name for name in ("matplotlib", "jinja2") if find_spec(name) is None]
    if missing:
        raise RuntimeError(
            f"study report: {' and '.join(missing)} can't be found, expected both to be installed to draw the page "
            "(pip install 'indrnn-np[plot]')"
        )
    from .. import study

    path = study.report(args.run_dir, args.out, args.which, args.data, args.backend, _teller(args.quiet))
    sys.stdout.write(json.dumps({"report": str(path)}) + "\n" if args.json else f"written: {path}\n")
    return 0


def _teller(quiet: bool) -> Callable[[str], None]:
    """Say on stderr which section is being measured."""

    def tell(title: str) -> None:
        if not quiet:
            sys.stderr.write(f"{title} ...\n")

    return tell
