"""Networks to study with their tasks: from a run's checkpoint, or new from settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .._types import Array, Json, Value
from ..layers.chain import named_layers
from ..networks.sequential import Sequential
from ..settings import build, settings, tables
from ..tasks import Batch, Task
from ..training import run_directory

CELLS = {
    "indrnn": "IndRNN", "rnn-tanh": "RNN-tanh", "rnn-relu": "RNN-relu", "irnn": "IRNN", "lstm": "LSTM", "gru": "GRU",
    "rotating": "RotatingIndRNN",
}  # fmt: skip


@dataclass(frozen=True)
class Subject:
    """Network with its title in figures, its task, and the settings that built both."""

    title: str
    net: Sequential
    task: Task
    settings: Json

    def batch(self, size: int | None = None, iteration: int | None = None) -> Batch:
        """Return a training batch, by default the next one in the batch size of the run."""
        number = self.net.iteration if iteration is None else iteration
        return self.task.batch(number, self.settings["batch"] if size is None else size)

    def marks(self, sequence: Array) -> list[int]:
        """Return the steps, from 1, that the second input (T, 2) of the adding problem marks; else none."""
        if self.task.name != tables.ADDING:
            return []
        return [t + 1 for t, (_, mark) in enumerate(sequence) if mark == 1]


@dataclass(frozen=True)
class Absent:
    """Task of a run whose data are in no file; `batch` raises the reason."""

    reason: str

    def batch(self, iteration: int, size: int) -> Batch:
        """Raise ValueError with the reason."""
        raise ValueError(self.reason)


def from_run(
    path: str | Path, which: str | None = None, backend: str | None = None, data: str | None = None,
    needs_data: bool = True,
) -> Subject:  # fmt: skip
    """Load the network of a run's folder or of a checkpoint file.

    Parameters
    ----------
    path : path
        Folder of the run, or a checkpoint.
    which : {"last", "best"}, optional
        Checkpoint of the run. None: the last one, or the best one with early stopping.
    backend : str, optional
        Name of a backend. By default that of the run.
    data : str, optional
        Folder or file of the data, if they have moved.
    needs_data : bool
        False accepts a run of `ir.fit` on arrays, whose task raises ValueError in `batch`.
    """
    file, loaded = run_directory.load(path, which, backend)
    values = build.settings_of_run("study", file, loaded)
    task: Value
    try:
        task = build.task_of_run("study", file, loaded, values, data)
    except ValueError as error:
        if needs_data or loaded.meta["settings"]:
            raise
        task = Absent(str(error))
    recurrent = (layer for _, layer in named_layers(loaded.net.layers) if layer.state_size)
    kind = CELLS[values["cell"]] if "cell" in values else type(next(recurrent, loaded.net)).__name__
    return Subject(f"{kind}, iteration {loaded.net.iteration}", loaded.net, task, values)


def from_settings(task: str, **options: Value) -> Subject:
    """Build a new network for a task, as `indrnn train TASK` does, with settings by name.

    Raises
    ------
    ValueError
        If a setting is unknown, or unused by the task or the network.
    """
    where = "study.from_settings"
    if task not in settings.TASKS:
        raise ValueError(f"{where}: task is {task!r}, expected one of " + ", ".join(settings.TASKS))
    options = settings.check(options, task, where)
    values = settings.merge(task, options)
    settings.check_use(values, options, where)
    built = build.task(values)
    return Subject(CELLS[values["cell"]], build.network(values, built), built, values)
