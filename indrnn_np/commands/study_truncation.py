"""`indrnn study truncation`: bias and variance of the gradient truncated after k steps."""

from __future__ import annotations

import argparse
from typing import Any

from . import options, studies
from .bar import Bar


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the instrument."""
    studies.add_subjects(parser)
    cuts = "time steps k before truncation (default: 1, 2, 5, 10, ... T)"
    parser.add_argument("--cuts", type=int, nargs="+", metavar="K", help=cuts)
    options.add_number(parser, "--batches", 16, "number of batches for bias and standard deviation")
    studies.add_output(parser, "truncation")


def run(args: argparse.Namespace) -> int:
    """Measure, write and print the results, and return 0."""
    subjects = studies.subjects(args)
    with Bar(not args.quiet) as bar:
        findings = [_measure(args, subject, bar) for subject in subjects]
    return studies.write_and_print(findings, args, "truncation")


def _measure(args: argparse.Namespace, subject: Any, bar: Bar) -> Any:
    from .. import study

    start = subject.net.iteration
    batches = (subject.batch(args.batch, start + i) for i in range(args.batches))
    return study.truncation(
        subject.net, batches, args.cuts, subject.task.loss, subject.title,
        lambda n: bar(subject.title, n, args.batches),
    )  # fmt: skip
