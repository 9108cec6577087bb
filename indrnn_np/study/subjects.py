"""Networks to look at: out of a run's checkpoint, or fresh out of settings; each with its task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import build, checkpoint, settings
from ..tasks import Batch, Task
from ..training import run_directory

CELLS = {
    "indrnn": "IndRNN",
    "rnn-tanh": "RNN-tanh",
    "rnn-relu": "RNN-relu",
    "irnn": "IRNN",
    "lstm": "LSTM",
    "gru": "GRU",
}


@dataclass(frozen=True)
class Subject:
    """A network with its task. title: what pictures call it; settings: all that it was made with."""

    title: str
    net: Any
    task: Task
    settings: Mapping[str, Any]

    def batch(self, size: int | None = None, iteration: int | None = None) -> Batch:
        """A training batch: of the run's size, and the one that the next update would see, unless told otherwise."""
        number = self.net.iteration if iteration is None else iteration
        return self.task.batch(number, self.settings["batch"] if size is None else size)


def from_run(
    path: str | Path, which: str = "last", backend: str | None = None, data: str | None = None
) -> Subject:
    """The network of a run's folder ("last" or "best" checkpoint), or of one checkpoint.

    backend: another one than the run's; data: its folder or file, if that has moved.
    """
    file = run_directory.find_checkpoint(path, which)
    loaded = checkpoint.load(file, backend)
    used = loaded.meta.get("settings")
    if not used:
        raise ValueError(f"study: {file} holds no settings, expected a checkpoint of `indrnn train`")
    used = settings.merge(
        used["task"], used, {"backend": loaded.net.backend}
    )  # older runs lack newer settings
    title = f"{CELLS[used['cell']]}, iteration {loaded.net.iteration}"
    return Subject(title, loaded.net, build.task(used, data), used)


def from_settings(task: str, **given: Any) -> Subject:
    """A fresh network for a task, made as `indrnn train TASK` makes it; `given` are its settings by name.

    Raises ValueError for an unknown setting, and for one that the task or the network has no use for.
    """
    where = "study.from_settings"
    if task not in settings.TASKS:
        raise ValueError(f"{where}: task is {task!r}, expected one of " + ", ".join(settings.TASKS))
    given = settings.check(given, task, where)
    used = settings.merge(task, given)
    settings.check_use(used, given, where)
    of = build.task(used)
    return Subject(CELLS[used["cell"]], build.network(used, of), of, used)
