"""`indrnn eval RUN_DIR`: evaluate a run's checkpoint."""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Iterator
from typing import Any

from . import options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    options.add(parser, "run_dir", "--which")
    split = "train: an epoch, or of unlimited data as many sequences as in validation (default: test)"
    parser.add_argument("--split", choices=("test", "validation", "train"), default="test", help=split)
    batch = "sequences in a batch, or parallel streams of a text (default: evaluation_batch of the run)"
    parser.add_argument("--batch", type=int, help=batch)
    bn_batch = "training sequences for the statistics of batch norm (default: that of the run)"
    parser.add_argument("--bn-batch", type=int, help=bn_batch)
    parser.add_argument("--seed", type=int, help="seed of new sequences (tasks with unlimited data only)")
    options.add(parser, "--backend", "--threads", "--data", "--json")


def run(args: argparse.Namespace) -> int:
    """Evaluate the checkpoint, print the metrics, and return 0."""
    from ..settings import build
    from ..tasks.corpus import same_numbers
    from ..training import metrics, run_directory

    path, loaded = run_directory.load(args.run_dir, args.which, args.backend)
    used = build.settings_of_run("eval", path, loaded, args.seed)
    task, net = build.task_of_run("eval", path, loaded, used, args.data), loaded.net
    same_numbers("eval", task.describe(), loaded.meta["task"] or {}, path)
    large = used["bn_batch"] if args.bn_batch is None else args.bn_batch
    with metrics.large_batch_statistics(net, task, large, net.iteration):
        batches = _batches(task, args.split, args.batch or used["evaluation_batch"], net.iteration)
        means = metrics.evaluate(net, batches, task.loss, task.metric)
    result = {"checkpoint": str(path), "iteration": net.iteration, "split": args.split, **means}
    text = f"{path}, iteration {net.iteration}, {args.split}: {metrics.text(means)}"
    sys.stdout.write((json.dumps(result) if args.json else text) + "\n")
    return 0


def _batches(task: Any, split: str, size: int, iteration: int) -> Iterator[Any]:
    """Return the batches of a split once; the training data once, if they are limited."""
    if split != "train":
        return task.evaluation(split, size, iteration)
    length = task.epoch_length(size)
    if length is not None:
        return (task.batch(number, size) for number in range(length))
    length = sum(1 for _ in task.evaluation("validation", size, iteration))
    return itertools.islice(task.evaluation("train", size, iteration), length)
