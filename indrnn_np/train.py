"""`fit`: train a network on a task or on arrays, in one call. The loop itself is in trainer.py."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import _about, _check, checkpoint
from .schedules import Constant, Plateau, Schedule
from .settings import to_toml
from .tasks import Task
from .tasks.arrays import Arrays
from .tasks.corpus import same_symbols
from .training import room, run_directory
from .training.plan import Plan
from .training.progress import Reporter
from .training.run_directory import RunDirectory
from .training.trainer import Trainer


@dataclass(frozen=True)
class Result:
    """What a run came to. history: its metrics, one dict a line; summary: what summary.json says."""

    net: Any
    history: list[dict[str, Any]]
    summary: dict[str, Any]

    def curve(self, name: str, kind: str = "train") -> tuple[list[int], list[float]]:
        """Return iterations and values of one metric, such as curve("mse") or curve("accuracy", "validation")."""
        lines = [line for line in self.history if line["kind"] == kind and name in line]
        return [line["iteration"] for line in lines], [line[name] for line in lines]


def fit(
    net: Any, data: Task | tuple[Any, ...], optimizer: Any, iterations: int | None = None, epochs: float | None = None,
    batch: int = 32, loss: str | None = None, schedule: Schedule | None = None, clip_norm: float | None = None,
    clip_value: float | None = None, validate_every: int | None = None, out: str | Path | None = None, seed: int = 0,
    resume: str | Path | None = None, progress: bool = True, *, validation: Any = None,
    settings: dict[str, Any] | None = None, reporter: Reporter | None = None, notes: Sequence[str] = (),
    stop: Callable[[], bool] | None = None, watch: Callable[[int], None] | None = None, **plan: Any,
) -> Result:  # fmt: skip
    """Train `net` and return its history; the network and the optimizer are changed in place.

    Parameters
    ----------
    net
        The network.
    data
        A task (tasks.get), or arrays (x, y) or (x, y, lengths), x (T, N, D) with time first; tasks/arrays.py says
        which y.
    optimizer
        ir.Adam or ir.SGD.
    iterations, epochs
        How long: updates, or passes through the data. With `resume`, of the run as a whole; else of this call.
    batch
        Samples in a batch.
    loss
        "mse" or "softmax_cross_entropy"; None takes the task's.
    schedule
        From schedules.py; None keeps the optimizer's rate.
    clip_norm, clip_value
        Limits of the gradient's global norm and of its elements.
    validate_every
        Iterations between two validations; None: once an epoch, or every 100 iterations of data without end; 0: never.
    out
        Folder for config, metrics, checkpoints and summary; None writes nothing.
    seed
        Of the order of the arrays' samples.
    resume
        A run's folder or one of its checkpoints to go on from.
    progress
        Show a bar on a terminal, lines elsewhere.
    validation
        For arrays: a share to hold out, or (x, y) or (x, y, lengths).
    settings
        What is kept as the run's settings, in config.toml and the checkpoints (the command line's).
    reporter
        In the place of `progress`.
    notes
        Lines for the log, ahead of all others.
    stop
        Asked before each update whether to interrupt the run, which can be resumed.
    watch
        Called with the updates done so far: before the first one, and after each. It must not change the network.
    plan
        More of plan.Plan: log_every, checkpoint_every, evaluation_batch, bn_batch, minutes, and memory: "keep", or
        "recompute" for less memory and more time (docs/memory.md), and graph: CUDA graphs (docs/cuda.md).

    Raises
    ------
    MemoryError
        If the run needs more memory than is free; the message says what would fit.
    """
    task = _task(net, data, validation, seed)
    schedule = Constant(optimizer.lr) if schedule is None else schedule
    directory = None if out is None else RunDirectory(out)
    contents = None if resume is None else run_directory.read_checkpoint(resume)
    done = net.iteration if contents is None else 0
    every = _validate_every(task, validate_every, batch)
    clips: dict[str, Any] = {"clip_norm": clip_norm or 0.0, "clip_value": clip_value or 0.0}
    end = _iterations(task, iterations, epochs, batch, done)
    whole = Plan(end, batch, loss or task.loss, validate_every=every, **clips, **plan)
    specs = {"plan": vars(whole), "optimizer": optimizer.spec(), "schedule": schedule.spec()}
    reporter = reporter or Reporter(progress, None if directory is None else directory.log)
    trainer = Trainer(
        net, task, optimizer, schedule, whole, directory, reporter, {"settings": settings or {}}, stop, watch
    )
    if contents is not None:
        same_symbols("fit", task.describe(), contents.header["meta"].get("task", {}), contents.path)
        trainer.load(contents, _best_beside(contents, schedule))
    notes = [*notes, room.check(net, task, optimizer, whole)]
    if directory is not None:
        directory.create(fresh=contents is None)
        directory.write(directory.config, to_toml(settings or specs))
    for note in notes:
        reporter.log(note)
    if contents is not None:
        _take_history(trainer, contents)
    trainer.run()
    summary = _summary(trainer)
    if directory is not None:
        directory.write(directory.summary, json.dumps(summary, indent=2) + "\n")
    return Result(net, trainer.journal.history, summary)


def _task(net: Any, data: Any, validation: Any, seed: int) -> Task:
    if isinstance(data, tuple):
        if len(data) not in (2, 3):
            _check.fail("fit", f"data has {len(data)} entries", "(x, y) or (x, y, lengths)")
        return Arrays(*data, validation=validation, classes=net.layers[-1].output_size, seed=seed)
    if not hasattr(data, "batch"):
        _check.fail(
            "fit", f"data is a {type(data).__name__}", "a task, (x, y) or (x, y, lengths)", error=TypeError
        )
    if validation is not None:
        _check.fail("fit", "validation is given", "None", "because a task has validation data of its own")
    return data


def _iterations(task: Task, iterations: int | None, epochs: float | None, batch: int, done: int) -> int:
    if (iterations is None) == (epochs is None):
        _check.fail("fit", f"iterations is {iterations} and epochs is {epochs}", "exactly one of them")
    if epochs is None:
        assert iterations is not None
        _check.at_least("fit", "iterations", iterations, 1)
        return done + iterations
    _check.at_least("fit", "epochs", epochs, 0.0, strictly=True)
    length = task.epoch_length(batch)
    if length is None:
        _check.fail(
            "fit", f"epochs is {epochs}", "iterations", f"because the data of task {task.name!r} has no end"
        )
    return done + max(1, round(epochs * length))


def _validate_every(task: Task, every: int | None, batch: int) -> int:
    if every is not None:
        return every
    return (task.epoch_length(batch) or 100) if "validation" in task.splits else 0


def _best_beside(contents: checkpoint.Contents, schedule: Schedule) -> checkpoint.Contents | None:
    """Return the best checkpoint of the run, which only a plateau schedule goes back to."""
    path = RunDirectory(run_directory.run_of(contents.path)).best
    return checkpoint.read(path) if isinstance(schedule, Plateau) and path.is_file() else None


def _take_history(trainer: Trainer, contents: checkpoint.Contents) -> None:
    """Put the metrics so far into the trainer, and the run's files back to that point."""
    source, iteration = RunDirectory(run_directory.run_of(contents.path)), trainer.net.iteration
    if trainer.directory is not None:
        trainer.journal.history += trainer.directory.rewind(iteration, source)
    elif source.metrics.is_file():
        trainer.journal.history += run_directory.until(source.metrics, iteration)
    trainer.journal.log(f"resumed from {contents.path}, after iteration {iteration}")


def _summary(trainer: Trainer) -> dict[str, Any]:
    """Return what a run came to, for people and for scripts."""
    from . import __version__

    net, plan = trainer.net, trainer.plan
    last = [line for line in trainer.journal.history if line["kind"] == "train"][-1:]
    about = ("kind", "split", "iteration", "seconds")
    final = {line["split"]: {name: value for name, value in line.items() if name not in about}
             for line in trainer.journal.history if line["kind"] == "final"}  # fmt: skip
    return {
        "task": trainer.task.describe(), "ended": trainer.ended, "iterations": net.iteration,
        "parameters": net.size, "seconds": round(trainer.journal.elapsed(), 3),
        "loss": plan.loss, "train": last[0][plan.loss] if last else None, "final": final,
        "metric": trainer.task.metric, "best": trainer.best, "baseline": trainer.task.baseline,
        "backend": net.backend, "dtype": net.dtype.name, "optimizer": trainer.optimizer.spec(),
        "schedule": trainer.schedule.spec(), "plan": dict(vars(plan)),
        "machine": _about.machine(), "versions": {"indrnn_np": __version__, **_about.versions()},
    }  # fmt: skip
