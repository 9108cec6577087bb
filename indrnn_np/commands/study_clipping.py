"""`indrnn study clipping`: the same run with each way to bound the recurrent weight."""

from __future__ import annotations

import argparse
from typing import Any

from . import studies
from .bar import Bar

SMALL = ("hidden=32", "lr=0.005")  # few neurons, and steps large enough for u to reach its bound soon
WAYS = ("projection", "graph", "penalty", "none")  # of study.clipping; importing it would load numpy


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the instrument takes."""
    studies.add_subjects(parser, ("indrnn",))
    parser.add_argument(
        "--ways", nargs="+", choices=WAYS, default=list(WAYS), help="which (default: all four)"
    )
    parser.add_argument("--iterations", type=int, default=400, help="updates of each run (default: 400)")
    parser.add_argument(
        "--strength", type=float, default=1e4, metavar="FLOAT", help="λ of the penalty (default: 10000)"
    )
    studies.add_output(parser, "clipping")


def run(args: argparse.Namespace) -> int:
    """Train, write, tell, and return 0."""
    if not args.runs:
        args.set = [*SMALL, *args.set]
    subjects = studies.subjects(args)
    with Bar(not args.quiet) as bar:
        findings = [_measure(args, subject, bar) for subject in subjects]
    studies.tell(findings, studies.write(findings, args, "clipping"), args.json)
    return 0


def _measure(args: argparse.Namespace, subject: Any, bar: Bar) -> Any:
    from .. import build, study

    used = subject.settings
    return study.clipping(
        subject.net, subject.task, build.optimizer(used), args.iterations, args.ways,
        used["batch"] if args.batch is None else args.batch, args.strength, used["clip_norm"] or None, subject.title,
        lambda way, done, loss: bar(f"{way}, loss {loss:.4g}", done, args.iterations),
    )  # fmt: skip
