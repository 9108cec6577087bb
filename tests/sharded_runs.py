"""Small runs in four shards, for one process and for the ranks of mpiexec: python -m sharded_runs FOLDER [FAILURE]."""

import os
import sys
from pathlib import Path

import numpy as np
import small_texts

import indrnn_np as ir
from indrnn_np import tasks

RUN = {
    "batch": 8, "shards": 4, "iterations": 6, "log_every": 2, "validate_every": 3, "checkpoint_every": 4,
    "progress": False,
}  # fmt: skip


def adding(folder, **options):
    task = tasks.get("adding", steps=8, seed=5, backend="reference", evaluation_size=20)
    net = ir.plain(2, 6, 1, 2, 8, backend="reference", seed=1)
    return ir.fit(net, task, ir.Adam(1e-2), clip_norm=1.0, out=folder, **RUN | options)


def images(folder, **options):
    """Labels of sequences of pixels, with batch norm, dropout, and a last batch of three samples."""
    rng = np.random.default_rng(0)
    y = np.arange(19) % 10
    x = (rng.random((9, 19, 1)) + y[:, None] / 5).astype(np.float32)
    net = ir.plain(1, 6, 10, 2, 9, batchnorm=True, dropout=0.2, backend="reference", seed=1)
    data = {"validation": (x[:, :5], y[:5])}
    return ir.fit(net, (x, y), ir.Adam(1e-2), clip_value=0.1, out=folder, **data | RUN | options)


def vowels(folder, **options):
    """Labels of sequences of unequal lengths, with batch norm, class weights and label smoothing."""
    rng = np.random.default_rng(1)
    x, y, lengths = rng.standard_normal((7, 16, 3), np.float32), np.arange(16) % 4, rng.integers(4, 8, 16)
    net = ir.plain(3, 6, 4, 1, 7, batchnorm=True, backend="reference", seed=1)
    classes = {"class_weights": (0.5, 1, 2, 4), "label_smoothing": 0.1}
    return ir.fit(
        net,
        (x, y, lengths),
        ir.SGD(0.1, momentum=0.9),
        validation=0.25,
        out=folder,
        **classes | RUN | options,
    )


def chars(folder, **options):
    """A stream of text, whose state continues from batch to batch."""
    task = small_texts.chars(folder.parent / f"text-{os.getpid()}", reset=0.2)  # each rank writes its own
    schedule = ir.Plateau(1e-2, patience=1)
    return ir.fit(small_texts.model(task), task, ir.Adam(), schedule=schedule, out=folder, **RUN | options)


PROBLEMS = {run.__name__: run for run in (adding, images, vowels, chars)}


def fail(comm):
    """Run with an error in a callback of rank 1."""

    def callback(iteration):
        if iteration == 3 and comm.Get_rank() == 1:
            raise ValueError("rank 1 has a problem")

    adding(None, comm=comm, callbacks=[callback])


if __name__ == "__main__":
    from mpi4py import MPI

    if len(sys.argv) > 2:
        fail(MPI.COMM_WORLD)
    for name, run in PROBLEMS.items():
        run(Path(sys.argv[1]) / name, comm=MPI.COMM_WORLD)
