"""`indrnn study neurons`: states over one sequence, the ranking by what neurons contribute, and one neuron kept."""

from __future__ import annotations

import argparse
from itertools import count
from typing import Any

from .. import settings
from . import studies

TRAIN = 1000  # iterations of fresh networks
BATCH = 50  # sequences that are run at once


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the instrument takes."""
    studies.add_subjects(parser, ("indrnn",))
    parser.add_argument(
        "--train", type=int, metavar="INT",
        help=f"train so many iterations before the look (default: {TRAIN} for fresh networks, 0 for runs)",
    )  # fmt: skip
    parser.add_argument(
        "--layer", metavar="NAME", help="draw the states of one recurrent layer only, such as 0"
    )
    parser.add_argument(
        "--neurons", type=int, nargs="+", metavar="N", help="draw these neurons of --layer (default: all)"
    )
    parser.add_argument("--sample", type=int, default=0, metavar="INT", help="sequence to draw (default: 0)")
    parser.add_argument(
        "--keep", type=int, default=5, metavar="INT",
        help="neurons to keep alone, each by itself, the most telling ones (default: 5)",
    )  # fmt: skip
    parser.add_argument(
        "--answers", type=int, default=1000, metavar="INT",
        help="answers to rank by, to fit a read-out to, and to measure its error on (default: 1000)",
    )  # fmt: skip
    studies.add_output(parser, "neurons")


def run(args: argparse.Namespace) -> int:
    """Train what is fresh, look (with batch norm as in the run's own evaluations), write, tell, and return 0."""
    from ..training import metrics

    studies.train_quickly(args)
    args.train = (0 if args.runs else TRAIN) if args.train is None else args.train
    looks = []
    for subject in studies.subjects(args):
        if args.train:
            studies.train(args, subject)
        bn_batch = subject.settings["bn_batch"]
        with metrics.large_batch_statistics(subject.net, subject.task, bn_batch, subject.net.iteration):
            looks.append(_look(args, subject))
    findings: list[Any] = []
    files: list[str] = []
    for name, found in zip(("traces", "ranking", "one-neuron"), zip(*looks, strict=True), strict=True):
        findings += found
        files += studies.write(found, args, name)
    studies.tell(findings, files, args.json)
    return 0


def _look(args: argparse.Namespace, subject: Any) -> tuple[Any, ...]:
    """The three findings about one network."""
    from .. import study

    net, task, size = subject.net, subject.task, args.batch or BATCH
    batch = subject.batch(size)
    marks = _marks(task, net.ops.to_host(batch.x), args.sample)
    batches = (task.batch(net.iteration + i, size) for i in count())
    return (
        study.traces(
            net, batch.x, args.layer, args.neurons, args.sample, batch.lengths, marks, subject.title
        ),
        study.ranking(net, batches, args.answers, subject.title),
        study.one_neuron(net, task, args.keep, args.answers, batch=size, title=subject.title),
    )


def _marks(task: Any, x: Any, sample: int) -> list[int]:
    """The steps, from 1, that the adding problem marks in its second input."""
    if task.name != settings.ADDING or sample >= x.shape[1]:
        return []
    return [t + 1 for t in range(len(x)) if x[t, sample, 1] == 1]
