"""`indrnn study flow`: the norm of ∂L/∂h_t for every layer and step, before or during training."""

from __future__ import annotations

import argparse
from typing import Any

from . import studies


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the instrument."""
    studies.add_subjects(parser)
    studies.add_film(parser)
    studies.add_output(parser, "flow")


def run(args: argparse.Namespace) -> int:
    """Measure, write and print the results, and return 0."""
    from .. import study

    def measure(net: Any, subject: Any) -> Any:
        batch = subject.batch(args.batch, 0 if args.train else None)
        return study.gradient_flow(
            net, batch.x, batch.target, subject.task.loss, batch.lengths, batch.mask, subject.title
        )

    findings = [studies.along_training(args, subject, measure) for subject in studies.subjects(args)]
    return studies.write_and_print(findings, args, "flow")
