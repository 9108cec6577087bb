"""`fit`: train a network on a task or on arrays. The training loop is in trainer.py."""

from __future__ import annotations

import inspect
import json
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

from .. import _check
from .._check import sequences
from .._check.sequences import TIME_MAJOR
from .._types import ArrayInput, Json, LossFunction, Value
from ..layers import LastStep
from ..layers.chain import check_layers
from ..networks.sequential import Sequential
from ..optim.optimizers import Optimizer
from ..settings.tables import number
from ..tasks import Task
from ..tasks.arrays import DataOfFit
from ..tasks.corpus import same_numbers
from ..tasks.targets import Targets
from . import advice, checkpoint, class_weights, keywords, records, room, run_directory, time_choice, windows
from .callbacks import Callback, Observer
from .facts import facts_of
from .plan import Plan
from .progress import Reporter
from .result import Result, summary_of
from .run_directory import RunDirectory
from .trainer import Trainer


def fit(
    net: Sequential,
    data: Task | tuple[ArrayInput, ...],
    optimizer: Optimizer,
    *,
    plan: Plan | None = None,
    loss: str | LossFunction | None = None,
    validation: ArrayInput = None,
    callbacks: Sequence[Callback | Observer] = (),
    layout: str = TIME_MAJOR,
    out: str | Path | RunDirectory | None = None,
    resume: str | Path | None = None,
    seed: int = 0,
    progress: bool | Reporter = True,
    **fields: Value,
) -> Result:
    """Train `net` in place, and return the history and the summary of the run.

    Parameters
    ----------
    net : Sequential
        Network.
    data : Task or Data or tuple of arrays
        A task (`tasks.get`), or arrays: `ir.Data(x, y, lengths)` or a tuple, with x (T, N, D) or in
        `layout`. Numbers are converted to the precision of the network once, with a warning. Labels
        are integers, strings, booleans or one-hot rows (tasks/targets.py).
    optimizer : Optimizer
        `ir.Adam` or `ir.SGD`. It is changed in place.
    plan : Plan, optional
        Length of the run, batch, schedule, clipping, and intervals of validations and checkpoints.
    loss : str or callable, optional
        Name of a loss, or a function f(y, target) that returns the mean loss and its gradient dy
        (training/own_loss.py). It takes precedence over the loss of `plan`.
    validation : float or Data or tuple of arrays, optional
        For arrays: the fraction of the samples to hold out, or arrays as in `data`.
    callbacks : sequence of callables
        Functions that are called with the number of updates done, before the first update and after
        each update. They must not change the network. A true return value interrupts the run; you
        can resume it. An `Observer`, such as `TensorBoard`, is called with each line of the metrics.
    layout : str
        Order of the axes of arrays: "tbd" (T, N, D); "btd" (N, T, D), (N, T), or a list of N
        sequences of any lengths; "bdt" (N, D, T). Targets of every step have the same order.
    out : str or Path, optional
        Folder for config, metrics, checkpoints and summary. By default no file is written. One
        process or thread at a time can write into a folder.
    resume : str or Path, optional
        Folder of a run, or one of its checkpoints, to continue from.
    seed : int
        Seed of the sample order of arrays.
    progress : bool or Reporter
        Show a progress bar on a terminal and lines elsewhere, or use this Reporter.
    **fields
        Fields of `Plan`, which take precedence over `plan`: `fit(..., epochs=10, batch=64)`.

    Returns
    -------
    Result

    Raises
    ------
    MemoryError
        If the run needs more memory than is free. The message names settings that fit.
    FileExistsError, BlockingIOError
        If `out` holds another run, or if another process or thread writes into it.

    Examples
    --------
    >>> import numpy as np
    >>> import indrnn_np as ir
    >>> x = np.random.default_rng(0).standard_normal((5, 12, 2), np.float32)
    >>> net = ir.plain(2, 4, 1, layers=1, steps=5)
    >>> result = ir.fit(net, (x, x.sum(axis=(0, 2))[:, None]), ir.Adam(0.01), epochs=2, batch=4, progress=False)
    >>> result.summary["iterations"]
    6
    """
    old = keywords.replace_old(fields)
    _check_arguments(net, optimizer, callbacks, fields, seed)
    if loss is not None:
        fields["loss"] = loss
    plan = replace(plan or Plan(), **fields)
    task = _task(net, data, validation, seed, layout, plan.loss)
    callbacks = [*callbacks, *old.pop("callbacks", ())]
    options: Json = {"out": out, "resume": resume, "progress": progress} | old
    return replace(train(net, task, optimizer, plan, callbacks=callbacks, **options), layout=layout)


def train(
    net: Sequential, task: Task, optimizer: Optimizer, plan: Plan, *, callbacks: Sequence[Callback | Observer] = (),
    out: str | Path | RunDirectory | None = None, resume: str | Path | None = None, progress: bool | Reporter = True,
    settings: Json | None = None, notes: Sequence[str] = (),
) -> Result:  # fmt: skip
    """Train like `fit`, with a task and a plan. The command `indrnn train` calls this function.

    Parameters
    ----------
    settings : dict, optional
        Settings of the command, which are stored in config.toml and in the checkpoints.
    notes : sequence of str
        First lines of the log.
    """
    ranks = plan.ranks
    directory = out if isinstance(out, RunDirectory) or out is None else RunDirectory(out)
    if ranks.rank:
        directory, progress = None, Reporter(show=False)
    with ranks.ending_together(), nullcontext() if directory is None else directory.writing(resume):
        contents = None if resume is None else run_directory.read_checkpoint(resume)
        task = windows.cut(task, plan.update_every)
        whole = plan.complete(task, optimizer.lr, net.iteration if contents is None else 0)
        if not isinstance(progress, Reporter):
            _check.boolean("fit", "progress", progress)
            progress = Reporter(progress, None if directory is None else directory.log)
        extra = {"settings": dict(settings or {}), "plan": whole.spec()}
        trainer = Trainer(net, task, optimizer, whole, directory, progress, extra, callbacks)
        if contents is not None:
            records.check_meta(contents.path, meta := contents.header["meta"])
            same_numbers("fit", task.describe(), meta["task"] or {}, contents.path)
            trainer.load(contents, RunDirectory(run_directory.run_of(contents.path)).best_of(contents))
        times = time_choice.settle(net, task, whole, contents)
        ranks.check_equal("fit", partial(facts_of, trainer))
        notes = [*notes, *times, *_notes(trainer), room.check(net, task, optimizer, whole)]
        if directory is not None:
            directory.create()
            specs = {"plan": whole.spec(), "optimizer": optimizer.spec(), "schedule": whole.schedule.spec()}
            notes += records.write_config(directory.config, settings or specs)
        for note in notes:
            progress.log(note)
        _take_history(trainer, contents)
        trainer.journal.history = ranks.first_true(trainer.journal.history)
        trainer.run()
        summary = summary_of(trainer)
        if text := advice.of_run(summary):
            progress.log(text)
        if directory is not None:
            directory.write(directory.summary, json.dumps(summary, indent=2) + "\n")
    return Result(net, trainer.journal.history, summary)


def _check_arguments(net: object, optimizer: object, callbacks: object, fields: Json, seed: int) -> None:
    """Check the types of `net`, `optimizer` and `callbacks`, the names of the fields, and the seed."""
    if not isinstance(net, Sequential):
        _check.fail("fit", f"net is {net!r:.60}", "a network such as ir.Sequential([...])", error=TypeError)
    if not isinstance(optimizer, Optimizer):
        expected = "an optimizer such as ir.Adam(1e-3)"
        _check.fail("fit", f"optimizer is {optimizer!r:.60}", expected, error=TypeError)
    each = callbacks if isinstance(callbacks, Sequence) else [None]
    if not all(callable(callback) or isinstance(callback, Observer) for callback in each):
        _check.fail("fit", f"callbacks is {callbacks!r:.60}", "a list of functions", error=TypeError)
    keywords.check(fields, [name for name in inspect.signature(fit).parameters if name != "fields"])
    number("fit", "seed", seed)


def _task(
    net: Sequential, data: Value, validation: ArrayInput, seed: int, layout: str, loss: str | LossFunction | None
) -> Task:  # fmt: skip
    """Return the data as a task."""
    if isinstance(data, tuple):
        if len(data) not in (2, 3):
            _check.fail("fit", f"data has {len(data)} entries", "(x, y) or (x, y, lengths)")
        outputs = check_layers("fit", net.layers)
        reads_last = any(isinstance(layer, LastStep) for layer in net.layers)
        targets = Targets(loss, "last" if reads_last else "every", layout=layout)
        options: Json = {"classes": outputs, "seed": seed, "dtype": net.dtype, "targets": targets}
        task = DataOfFit(*data, validation=validation, **options)
        sequences.report_dtype("fit", "x", data[0], net.dtype)
        return task
    if isinstance(data, type) or not hasattr(data, "batch"):
        actual = repr(data) if isinstance(data, type) else f"a {type(data).__name__}"
        _check.fail("fit", f"data is {actual}", "a task, (x, y) or (x, y, lengths)", error=TypeError)
    for name, value, default in (("validation", validation, None), ("layout", layout, TIME_MAJOR)):
        if value != default:
            _check.fail("fit", f"{name} is set", repr(default), "because a task prepares its own data")
    return data


def _notes(trainer: Trainer) -> list[str]:
    """Return lines for the log about the loss and the gradient of the updates."""
    return [*class_weights.notes(trainer.plan), *trainer.step.gradient_pass.notes]


def _take_history(trainer: Trainer, contents: checkpoint.Contents | None) -> None:
    """Load the metrics up to a checkpoint, if there is one, and reset the files of the run to that iteration."""
    if contents is None:
        return
    source, iteration = RunDirectory(run_directory.run_of(contents.path)), trainer.net.iteration
    lost = trainer.best is not None and source.best_of(contents) is None
    if trainer.directory is not None:
        trainer.journal.history += trainer.directory.rewind(contents, source)
    elif source.metrics.is_file():
        trainer.journal.history += records.until(source.metrics, iteration)
    trainer.journal.log(f"resumed from {contents.path}, after iteration {iteration}")
    if lost:
        trainer.journal.log("no best.npz until the next improvement: the file of the best state is missing")
