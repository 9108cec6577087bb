"""`indrnn study attribution`: which time steps of one sequence made the answer of a relu network."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from .. import _check
from . import options, studies


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the instrument."""
    studies.add_subjects(parser, cells=("indrnn",))
    studies.add_train(parser, "training iterations before the measurement", studies.TRAIN)
    options.add_number(parser, "--sample", 0, "sequence of the batch", "INT")
    output = "output to split into terms, from 0 (default: the largest)"
    parser.add_argument("--output", type=int, metavar="INT", help=output)
    studies.add_output(parser, "attribution")


def run(args: argparse.Namespace) -> int:
    """Train new networks, measure, write and print the results, and return 0."""
    from ..study.attribution import check_layers

    findings = [_measure(args, subject) for subject in studies.trained(args, check_layers)]
    return studies.write_and_print(findings, args, "attribution")


def _measure(args: argparse.Namespace, subject: Any) -> Any:
    """Return the terms of one sequence."""
    from .. import study

    batch, sample = subject.batch(args.batch), args.sample
    x = subject.net.device.to_host(batch.x)
    _check.between("study.attribution", "sample", sample, 0, x.shape[1])
    x = np.ascontiguousarray(x[:, sample : sample + 1])
    lengths = None if batch.lengths is None else batch.lengths[sample : sample + 1]
    return study.attribution(
        subject.net, x, args.output, lengths, marks=subject.marks(x[:, 0]), title=subject.title
    )
