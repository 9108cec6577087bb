"""`indrnn study noise`: noise scale, signal-to-noise ratios and cosines between samples during training."""

from __future__ import annotations

import argparse
from typing import Any

from . import studies

TRAIN = 1000  # training iterations of new networks
BATCH = 250  # sequences of a measurement; the estimate of a small signal needs many
STATISTICS = ("batch", "running")  # copied from study.noise, whose import loads numpy


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the instrument."""
    studies.add_subjects(parser, ("indrnn",))
    statistics = "statistics of batch norm; a network with batch norm needs running (default: batch)"
    parser.add_argument("--statistics", choices=STATISTICS, default=STATISTICS[0], help=statistics)
    studies.add_film(parser, new=TRAIN)
    studies.add_output(parser, "noise")


def run(args: argparse.Namespace) -> int:
    """Measure, write and print the results, and return 0."""
    from .. import study

    studies.train_quickly(args)

    def measure(net: Any, subject: Any) -> Any:
        batch = subject.batch(args.batch or BATCH, 0 if args.train else None)
        return study.noise(net, batch, subject.task.loss, args.statistics, subject.title)

    findings = [studies.along_training(args, subject, measure) for subject in studies.subjects(args)]
    return studies.write_and_print(findings, args, "noise")
