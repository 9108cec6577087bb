"""`indrnn study curvature`: eigenvalues and traces of the Hessian and the Gauss-Newton matrix during training."""

from __future__ import annotations

import argparse
from typing import Any

from . import options, studies

TRAIN = 1000  # training iterations of new networks
SMALL = ("hidden=32",)  # a product with the Hessian costs as much as two gradients


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the instrument."""
    studies.add_subjects(parser, ("indrnn",))
    options.add_number(parser, "--eigenvalues", 3, "number of largest eigenvalues; 0: all", "INT")
    options.add_number(parser, "--probes", 16, "random vectors for an estimate of a trace", "INT")
    studies.add_film(parser, new=TRAIN)
    studies.add_output(parser, "curvature")


def run(args: argparse.Namespace) -> int:
    """Measure, write and print the results, and return 0."""
    from .. import study

    if not args.runs:
        args.set = [*SMALL, *args.set]
    studies.train_quickly(args)

    def measure(net: Any, subject: Any) -> Any:
        batch = subject.batch(args.batch, 0 if args.train else None)
        return study.curvature(
            net, batch, subject.task.loss, args.eigenvalues or None, args.probes, subject.title
        )

    findings = [studies.along_training(args, subject, measure) for subject in studies.subjects(args)]
    return studies.write_and_print(findings, args, "curvature")
