"""`indrnn study closed-form`: ∂h_T/∂h_t of every neuron by back-propagation and by equation 4 of the paper."""

from __future__ import annotations

import argparse

from . import options, studies


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the instrument."""
    studies.add_subjects(parser, cells=("indrnn",))
    layers = "recurrent layers, such as 0 or 3.2 (default: all with a weight u)"
    parser.add_argument("--layer", nargs="+", metavar="NAME", help=layers)
    options.add_number(parser, "--sample", 0, "sequence of the batch")
    studies.add_output(parser, "closed-form")


def run(args: argparse.Namespace) -> int:
    """Measure, write and print the results, and return 0."""
    from .. import study

    findings = []
    for subject in studies.subjects(args):
        batch = subject.batch(args.batch)
        with_u = list(subject.net.recurrent_weights())
        layers = args.layer or with_u or [None]  # None: the instrument raises the error
        for layer in layers:
            title = f"{subject.title}, layer {layer}"
            findings.append(study.closed_form(subject.net, batch.x, layer, batch.lengths, args.sample, title))
    return studies.write_and_print(findings, args, "closed-form")
