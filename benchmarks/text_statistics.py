"""Evaluate a run of `indrnn train chars` on each split, with the batch norm statistics of each split.

    python benchmarks/text_statistics.py RUN

If batch norm caused the distance between validation and test, the statistics of the test text would reduce it.
"""

from __future__ import annotations

import itertools
import sys

from indrnn_np.settings import build
from indrnn_np.training import metrics, run_directory

SPLITS = ("train", "validation", "test")
LANES = 32  # of an evaluation
PLACES = 100  # of the training text, for its statistics
BATCHES = 200  # of the training text that are evaluated; the other splits are shorter


def main(run: str) -> None:
    """Print the bits per character of each split."""
    path, loaded = run_directory.load(run, "last")
    net, task = loaded.net, build.task(build.settings_of_run("text_statistics", path, loaded))
    if not net.buffers:
        raise SystemExit(
            f"text_statistics: the network of {path} has no batch norm, expected one with statistics"
        )
    for split, source in itertools.product(SPLITS, SPLITS):
        with metrics.restored_statistics(net):
            if source == "train":
                metrics.set_statistics(net, task, PLACES, net.iteration)
            else:
                batches = ((batch.x, batch.lengths) for batch in task.evaluation(source, LANES))
                net.recompute_statistics(batches, carried=True)
            read = itertools.islice(task.evaluation(split, LANES), BATCHES)
            bits = metrics.evaluate(net, read, task.loss, task.metric)["bits"]
        print(f"{split}, statistics of {source}: {bits:.4f} bits", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
