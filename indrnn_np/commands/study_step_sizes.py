"""`indrnn study step-sizes`: the error of finite differences against their step."""

from __future__ import annotations

import argparse
from typing import Any

from . import studies
from .bar import Bar

SMALL = "hidden=32"  # some hundred passes in complex128, through the reference


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the instrument takes."""
    studies.add_subjects(parser, ("rnn-tanh", "indrnn"))
    parser.add_argument(
        "--directions", type=int, default=5, help="directions to take medians over (default: 5)"
    )
    parser.add_argument(
        "--kink", type=float, default=1e-4, metavar="DISTANCE",
        help="of one relu's pre-activation from its kink, drawn besides; 0: not drawn (default: 1e-4)",
    )  # fmt: skip
    parser.set_defaults(batch=8)
    studies.add_output(parser, "step-sizes")


def run(args: argparse.Namespace) -> int:
    """Measure, write, tell, and return 0."""
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
    studies.tell(findings, studies.write(findings, args, "step-sizes"), args.json)
    return 0


def _measure(args: argparse.Namespace, subject: Any) -> Any:
    from .. import study

    batch = subject.batch(args.batch)
    return study.step_sizes(
        subject.net, batch.x, batch.target, subject.task.loss, batch.lengths, batch.mask,
        directions=args.directions, seed=args.seed, title=subject.title,
    )  # fmt: skip
