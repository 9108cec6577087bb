"""`indrnn eval RUN_DIR`: evaluate a run's checkpoint."""

from __future__ import annotations

import argparse
import json
import sys

from .. import settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("run_dir", metavar="RUN_DIR", help="a run's folder, or one of its checkpoints")
    parser.add_argument(
        "--which", choices=("last", "best"), default="last", help="checkpoint of the run (default: last)"
    )
    parser.add_argument("--split", choices=("test", "validation"), default="test", help="(default: test)")
    parser.add_argument("--backend", help="another one than the run's")
    parser.add_argument("--threads", type=int, default=0, help="threads; 0: one a core (default: 0)")
    parser.add_argument(
        "--batch",
        type=int,
        help="sequences in a batch, or lanes of a text (default: the run's evaluation_batch)",
    )
    parser.add_argument(
        "--bn-batch", type=int, help="training sequences for batch norm's statistics (default: the run's)"
    )
    parser.add_argument("--data", metavar="DIR", help="folder of the data, if it has moved")
    parser.add_argument("--seed", type=int, help="of other sequences than the run's (data without end only)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    """Evaluate, print, and return 0."""
    from .. import build, checkpoint
    from .._threads import set_threads
    from ..tasks.corpus import same_symbols
    from ..training import metrics, run_directory

    path = run_directory.find_checkpoint(args.run_dir, args.which)
    if args.threads:
        set_threads(args.threads)
    loaded = checkpoint.load(path, args.backend)
    used = loaded.meta.get("settings")
    if not used:
        raise ValueError(f"eval: {path} holds no settings, expected a checkpoint of `indrnn train`")
    used = used | {"backend": loaded.net.backend}
    if args.seed is not None:
        if used["task"] not in settings.ENDLESS:
            raise ValueError(
                f"eval: seed is {args.seed} for task {used['task']}, expected no seed, because it splits the data"
            )
        used["seed"] = args.seed
    task, net = build.task(used, args.data), loaded.net
    same_symbols("eval", task.describe(), loaded.meta.get("task", {}), path)
    large = used["bn_batch"] if args.bn_batch is None else args.bn_batch
    with metrics.large_batch_statistics(net, task, large, net.iteration):
        batches = task.evaluation(args.split, args.batch or used["evaluation_batch"], net.iteration)
        means = metrics.evaluate(net, batches, task.loss, task.metric)
    result = {"checkpoint": str(path), "iteration": net.iteration, "split": args.split, **means}
    text = f"{path}, iteration {net.iteration}, {args.split}: " + ", ".join(
        f"{n} {v:.5g}" for n, v in means.items()
    )
    sys.stdout.write((json.dumps(result) if args.json else text) + "\n")
    return 0
