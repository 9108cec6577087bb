"""`indrnn study step-sizes`: the error of finite differences against their step size."""

from __future__ import annotations

import argparse
from typing import Any

from . import options, studies
from .bar import Bar

SMALL = "hidden=32"  # the reference backend runs some hundred passes in complex128


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the instrument."""
    studies.add_subjects(parser, ("rnn-tanh", "indrnn"))
    directions = "number of random directions, of which the medians are taken"
    options.add_number(parser, "--directions", 5, directions)
    kink = "distance of one relu from its kink in an additional panel; 0: no such panel"
    options.add_number(parser, "--kink", 1e-4, kink, "DISTANCE")
    parser.set_defaults(batch=8)
    studies.add_output(parser, "step-sizes")


def run(args: argparse.Namespace) -> int:
    """Measure, write and print the results, and return 0."""
    from ..study.step_sizes import at_a_kink

    if not args.runs:
        args.set = [SMALL, *args.set]
    subjects = studies.subjects(args)
    with Bar(not args.quiet) as bar:
        findings = []
        for i, subject in enumerate(subjects):
            bar(subject.title, i, len(subjects))
            findings.append(_measure(args, subject))
    if args.kink:
        findings.append(at_a_kink(args.kink))
    return studies.write_and_print(findings, args, "step-sizes")


def _measure(args: argparse.Namespace, subject: Any) -> Any:
    from .. import study

    batch = subject.batch(args.batch)
    return study.step_sizes(
        subject.net, batch.x, batch.target, subject.task.loss, batch.lengths, batch.mask,
        directions=args.directions, seed=args.seed, title=subject.title,
    )  # fmt: skip
