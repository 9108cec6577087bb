"""`indrnn study updates`: size of the updates, distance from the start and entries of the gradient in training."""

from __future__ import annotations

import argparse
from typing import Any

from . import studies

TRAIN = 1000  # training iterations


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the instrument."""
    studies.add_subjects(parser, ("indrnn",))
    studies.add_film(parser, new=TRAIN, runs=TRAIN)
    studies.add_output(parser, "updates")


def run(args: argparse.Namespace) -> int:
    """Measure, write and print the results, and return 0."""
    studies.train_quickly(args)
    findings = [_measure(args, subject) for subject in studies.subjects(args)]
    return studies.write_and_print(findings, args, "updates")


def _measure(args: argparse.Namespace, subject: Any) -> Any:
    """Return the film of one network: each measurement is the next update of its training."""
    from .. import _check, study

    _check.at_least("study updates", "train", args.train, 1)

    options, start = studies.training(args, subject), subject.net.state_dict()

    limits = options["clip_norm"], options["clip_value"]

    def measure(net: Any, subject: Any) -> Any:
        batch, lr = subject.batch(args.batch), options["schedule"](net.iteration)
        return study.updates(
            net, batch, options["optimizer"], subject.task.loss, *limits, lr, start, subject.title
        )

    return studies.along_training(args, subject, measure, options)
