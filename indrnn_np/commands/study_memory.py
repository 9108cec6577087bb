"""`indrnn study memory`: recurrent weights, horizons and gates of every layer, before or during training."""

from __future__ import annotations

import argparse
from typing import Any

from . import options, studies


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the instrument."""
    studies.add_subjects(parser, ("indrnn",))
    options.add_number(parser, "--eps", 0.5, "share of a gradient that counts as remembered", "SHARE")
    studies.add_film(parser, " and a figure of the weights")
    studies.add_output(parser, "memory")


def run(args: argparse.Namespace) -> int:
    """Measure, write and print the results, and return 0."""
    from .. import study

    studies.train_quickly(args)

    def measure(net: Any, subject: Any) -> Any:
        batch = subject.batch(args.batch, 0 if args.train else None)
        return study.memory(net, batch.x, batch.lengths, args.eps, subject.title)

    films, findings = [], []
    for subject in studies.subjects(args):
        if args.train:
            films.append(studies.along_training(args, subject, measure))
        findings.append(films[-1].frames[-1] if args.train else measure(subject.net, subject))
    files = studies.write(films, args, "memory-film") if films else []
    studies.print_findings(films or findings, [*files, *studies.write(findings, args, "memory")], args.json)
    return 0
