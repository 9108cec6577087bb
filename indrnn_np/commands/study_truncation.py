"""`indrnn study truncation`: bias and variance of the gradient when back-propagation is cut after k steps."""

from __future__ import annotations

import argparse
from typing import Any

from . import studies
from .bar import Bar


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the instrument takes."""
    studies.add_subjects(parser)
    parser.add_argument(
        "--cuts", type=int, nargs="+", metavar="K", help="steps k (default: 1, 2, 5, 10, ... T)"
    )
    parser.add_argument(
        "--batches", type=int, default=16, help="batches to take bias and spread over (default: 16)"
    )
    studies.add_output(parser, "truncation")


def run(args: argparse.Namespace) -> int:
    """Measure, write, tell, and return 0."""
    subjects = studies.subjects(args)
    with Bar(not args.quiet) as bar:
        findings = [_measure(args, subject, bar) for subject in subjects]
    studies.tell(findings, studies.write(findings, args, "truncation"), args.json)
    return 0


def _measure(args: argparse.Namespace, subject: Any, bar: Bar) -> Any:
    from .. import study

    start = subject.net.iteration
    batches = (subject.batch(args.batch, start + i) for i in range(args.batches))
    return study.truncation(
        subject.net, batches, args.cuts, subject.task.loss, subject.title,
        lambda n: bar(subject.title, n, args.batches),
    )  # fmt: skip
