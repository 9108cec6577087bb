"""`indrnn study clipping`: one training run with each way to bound the recurrent weight."""

from __future__ import annotations

import argparse
from typing import Any

from . import options, studies
from .bar import Bar

SMALL = ("hidden=32", "lr=0.005")  # few neurons, and a learning rate with which u reaches its bound soon
WAYS = ("projection", "graph", "penalty", "none")  # copied from study.clipping, whose import loads numpy


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the instrument."""
    studies.add_subjects(parser, ("indrnn",))
    ways = "ways to bound u (default: all four)"
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS), help=ways)
    options.add_number(parser, "--iterations", 400, "iterations of each run")
    options.add_number(parser, "--strength", 1e4, "factor λ of the penalty", "FLOAT")
    studies.add_output(parser, "clipping")


def run(args: argparse.Namespace) -> int:
    """Train with each way, write and print the results, and return 0."""
    if not args.runs:
        args.set = [*SMALL, *args.set]
    subjects = studies.subjects(args)
    with Bar(not args.quiet) as bar:
        findings = [_measure(args, subject, bar) for subject in subjects]
    return studies.write_and_print(findings, args, "clipping")


def _measure(args: argparse.Namespace, subject: Any, bar: Bar) -> Any:
    from .. import study
    from ..settings import build

    used = subject.settings
    return study.clipping(
        subject.net, subject.task, build.optimizer(used), args.iterations, args.ways,
        used["batch"] if args.batch is None else args.batch, args.strength, used["clip_norm"] or None, subject.title,
        lambda way, done, loss: bar(f"{way}, loss {loss:.4g}", done, args.iterations),
    )  # fmt: skip
