"""`indrnn study parallel`: how a trained network behaves under the scan over time."""

from __future__ import annotations

import argparse

from . import studies


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the instrument."""
    studies.add_subjects(parser, cells=("indrnn",))
    studies.add_train(parser, "training iterations before the measurement", studies.TRAIN)
    chunk = "steps of a chunk, a power of two (default: as in training with --time parallel)"
    parser.add_argument("--chunk", type=int, metavar="INT", help=chunk)
    studies.add_output(parser, "parallel")


def run(args: argparse.Namespace) -> int:
    """Train new networks, measure, write and print the results, and return 0."""
    from .. import study

    findings = []
    for subject in studies.trained(args):
        batch = subject.batch(args.batch)
        x = subject.net.device.to_host(batch.x)
        findings.append(study.parallel(subject.net, x, batch.lengths, args.chunk, subject.title))
    return studies.write_and_print(findings, args, "parallel")
