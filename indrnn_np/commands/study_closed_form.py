"""`indrnn study closed-form`: ∂h_T/∂h_t of every neuron by backpropagation beside the paper's equation 4."""

from __future__ import annotations

import argparse

from . import studies


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the instrument takes."""
    studies.add_subjects(parser, cells=("indrnn",))
    parser.add_argument(
        "--layer", nargs="+", metavar="NAME", help="recurrent layers, such as 0 or 3.2 (default: all with a weight u)"
    )  # fmt: skip
    parser.add_argument("--sample", type=int, default=0, help="sequence of the batch (default: 0)")
    studies.add_output(parser, "closed-form")


def run(args: argparse.Namespace) -> int:
    """Measure, write, tell, and return 0."""
    from .. import study

    findings = []
    for subject in studies.subjects(args):
        batch = subject.batch(args.batch)
        own = [name.removesuffix(".u") for name in subject.net.params if name.endswith(".u")]
        layers = args.layer or own or [None]  # without a weight u the instrument says so
        findings += [
            study.closed_form(
                subject.net, batch.x, layer, batch.lengths, args.sample, f"{subject.title}, layer {layer}"
            )
            for layer in layers
        ]
    studies.tell(findings, studies.write(findings, args, "closed-form"), args.json)
    return 0
