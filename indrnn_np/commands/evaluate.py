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
    predictions = "CSV file with the target, the prediction and the outputs of each sample (docs/runs.md)"
    parser.add_argument("--predictions", metavar="FILE", help=predictions)
    plot = "picture of the confusion matrix (.png, .svg, .pdf), for tasks with labels"
    parser.add_argument("--plot", metavar="FILE", help=plot)
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
    report = _report(args, task)
    large = used["bn_batch"] if args.bn_batch is None else args.bn_batch
    with metrics.large_batch_statistics(net, task, large, net.iteration):
        batches = _batches(task, args.split, args.batch or used["evaluation_batch"], net.iteration)
        means = _evaluate(net, task, batches, report, args.predictions)
    result = {"checkpoint": str(path), "iteration": net.iteration, "split": args.split, **means}
    text = f"{path}, iteration {net.iteration}, {args.split}: {metrics.text(means)}"
    if report is not None:
        result |= report.to_json()
    sys.stdout.write((json.dumps(result) if args.json else text) + "\n")
    if report is not None:
        _show(args, report, f"{args.split} data, iteration {net.iteration}")
    return 0


def _report(args: argparse.Namespace, task: Any) -> Any:
    """Return an empty report by class, or None for a task without classes or with a large vocabulary."""
    import numpy as np

    from .. import _check, _files
    from ..training import class_report

    if args.predictions is not None:
        _files.user_path("eval", "predictions", args.predictions)
    K, classified = task.output_size, task.loss == class_report.SOFTMAX
    if classified and class_report.LARGEST >= K:
        names = class_report.class_names(task.describe(), K)
        return class_report.ClassReport(names, np.zeros((K, K), np.int64))
    if args.plot is not None:
        reason = f"it has {K} classes" if classified else f"its loss is {task.loss}"
        expected = f"a task with at most {class_report.LARGEST} classes"
        _check.fail("eval", f"plot is {args.plot!r} for task {task.name}", expected, f"because {reason}")
    return None


def _evaluate(
    net: Any, task: Any, batches: Iterator[Any], report: Any, predictions: str | None
) -> dict[str, float]:
    """Return the metrics, count the predictions in `report`, and write them to the file `predictions`."""
    from .. import _files
    from ..tasks.standardise import of_targets
    from ..training import class_report, metrics, prediction_file

    scale = of_targets(task.describe())
    own = {} if scale is None else {"rmse": scale.error}  # in the units of the data
    observers = [] if report is None else [class_report.ClassCounts(report.confusion)]
    means: dict[str, float] = {}

    def evaluate(*more: Any) -> None:
        means.update(metrics.evaluate(net, batches, task.loss, task.metric, own, [*observers, *more]))

    def write(file: Any) -> None:
        names = class_report.class_names(task.describe(), task.output_size)
        evaluate(prediction_file.PredictionFile(file, task.loss, names, scale))

    if predictions is None:
        evaluate()
    else:
        _files.replace("eval", _files.user_path("eval", "predictions", predictions), write)
    return means


def _show(args: argparse.Namespace, report: Any, title: str) -> None:
    """Print the report unless the output is JSON, and draw its confusion matrix if a file is named."""
    from . import class_table

    if not args.json:
        class_table.show(options.console(80), report)
    if args.plot is not None:
        from ..plots import confusion, style

        style.save(confusion(report, title), args.plot)


def _batches(task: Any, split: str, size: int, iteration: int) -> Iterator[Any]:
    """Return the batches of a split once; the training data once, if they are limited."""
    if split != "train":
        return task.evaluation(split, size, iteration)
    length = task.epoch_length(size)
    if length is not None:
        return (task.batch(number, size) for number in range(length))
    length = sum(1 for _ in task.evaluation("validation", size, iteration))
    return itertools.islice(task.evaluation("train", size, iteration), length)
