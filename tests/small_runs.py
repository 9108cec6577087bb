"""Small tasks, networks and runs for tests of training."""

import indrnn_np as ir
from indrnn_np import tasks
from indrnn_np.optim import schedules

QUIET = {"progress": False}
# Of `indrnn study`: small networks and batches of the adding problem.
STUDY = ["--steps", "12", "--set", "hidden=4", "--batch", "3", "--threads", "1", "--quiet"]


def adding(steps=8, **options):
    return tasks.get("adding", steps=steps, seed=5, backend="reference", evaluation_size=30, **options)


def net_for(task, **options):
    options = {"backend": "reference", "seed": 1} | options
    return ir.plain(task.input_size, 6, task.output_size, 2, task.steps, output=task.output, **options)


def curve(result):
    """The lines without the clock's."""
    clock = ("seconds", "steps_per_second")
    return [{k: v for k, v in line.items() if k not in clock} for line in result.history]


def adding_run(tmp_path, iterations, **options):
    """A short run with every part of the loop at work."""
    task, cosine = adding(), schedules.Cosine(1e-2, 20)
    return ir.fit(
        net_for(task), task, ir.Adam(1e-2), iterations=iterations, batch=5, clip_norm=1.0, log_every=3,
        validate_every=4, checkpoint_every=5, out=tmp_path, schedule=cosine, **QUIET, **options,
    )  # fmt: skip
