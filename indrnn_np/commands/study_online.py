"""`indrnn study online`: online gradients compared with BPTT, along training or of a run."""

from __future__ import annotations

import argparse
from typing import Any

from . import studies

SMALL = ("hidden=32",)  # "exact" needs at most 64 units
TRAIN = 600  # iterations of new networks
RULES = ("exact", "traces", "depth-only")  # copied from gradients.online, whose import loads numpy


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the instrument."""
    studies.add_subjects(parser, ("indrnn",))
    rules = "rules to compare (default: all that the network allows)"
    parser.add_argument("--rules", nargs="+", choices=RULES, help=rules)
    studies.add_film(parser, new=TRAIN)
    studies.add_output(parser, "online")


def run(args: argparse.Namespace) -> int:
    """Measure, write and print the results, and return 0."""
    from .. import study

    if not args.runs:
        args.set = [*SMALL, *args.set]
    studies.train_quickly(args)

    def measure(net: Any, subject: Any) -> Any:
        batch = subject.batch(args.batch, 0 if args.train else None)
        return study.online(
            net,
            batch.x,
            batch.target,
            subject.task.loss,
            batch.lengths,
            batch.mask,
            args.rules,
            subject.title,
        )

    findings = [studies.along_training(args, subject, measure) for subject in studies.subjects(args)]
    return studies.write_and_print(findings, args, "online")
