"""`indrnn study neurons`: states over one sequence, ranking by contribution, and the one-neuron experiment."""

from __future__ import annotations

import argparse
from itertools import count
from typing import Any

from . import options, studies

BATCH = 50  # sequences in a batch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the instrument."""
    studies.add_subjects(parser, ("indrnn",))
    studies.add_train(parser, "training iterations before the measurement", studies.TRAIN)
    layer = "draw the states of one recurrent layer, such as 0 (default: all)"
    parser.add_argument("--layer", metavar="NAME", help=layer)
    neurons = "draw these neurons of --layer (default: all)"
    parser.add_argument("--neurons", type=int, nargs="+", metavar="N", help=neurons)
    options.add_number(parser, "--sample", 0, "sequence to draw", "INT")
    keep = "number of neurons to keep alone, those with the best linear fit"
    options.add_number(parser, "--keep", 5, keep, "INT")
    answers = "outputs for the ranking, for the fit of a read-out, and for its error"
    options.add_number(parser, "--answers", 1000, answers, "INT")
    studies.add_output(parser, "neurons")


def run(args: argparse.Namespace) -> int:
    """Train new networks, measure with batch norm as in evaluation, write and print the results, and return 0."""
    from ..training import metrics

    triples = []
    for subject in studies.trained(args):
        bn_batch = subject.settings["bn_batch"]
        with metrics.large_batch_statistics(subject.net, subject.task, bn_batch, subject.net.iteration):
            triples.append(_measure(args, subject))
    findings: list[Any] = []
    files: list[str] = []
    for name, group in zip(("traces", "ranking", "one-neuron"), zip(*triples, strict=True), strict=True):
        findings += group
        files += studies.write(group, args, name)
    studies.print_findings(findings, files, args.json)
    return 0


def _measure(args: argparse.Namespace, subject: Any) -> tuple[Any, ...]:
    """Return the three findings about one network."""
    from .. import study

    net, task, size = subject.net, subject.task, args.batch or BATCH
    batch = subject.batch(size)
    x, sample, title = batch.x, args.sample, subject.title
    marks = subject.marks(net.device.to_host(x)[:, sample]) if sample < x.shape[1] else []
    batches = (task.batch(net.iteration + i, size) for i in count())
    return (
        study.traces(net, x, args.layer, args.neurons, sample, batch.lengths, marks, title),
        study.ranking(net, batches, args.answers, title),
        study.one_neuron(net, task, args.keep, args.answers, batch=size, title=title),
    )
