"""The size of a row's network, and the minutes that a run of the row takes on this machine."""

from __future__ import annotations

from dataclasses import dataclass

from ..settings import build
from ..training import speed, windows
from .runner import Job

SECONDS = 1.0  # of the measured updates, which are at least three


@dataclass(frozen=True)
class Estimate:
    """A run before it starts.

    Parameters
    ----------
    row, form : str
        Name and form of the row.
    parameters : int
        Parameters of the network.
    iterations : int
        Updates of the run.
    minutes : float
        Expected minutes, with all evaluations.
    problem : str
        Why there are no numbers, "" if there are: usually, the data are missing.
    """

    row: str
    form: str
    parameters: int = 0
    iterations: int = 0
    minutes: float = 0.0
    problem: str = ""


def estimate(job: Job) -> Estimate:
    """Return the estimate of a run, from a few updates of its network and a batch of each evaluation."""
    used = job.settings()
    try:
        task, net, optimizer, plan = build.parts(used)
        cut = windows.cut(task, used["update_every"])
        complete = build.whole(plan, used, task).complete(cut, used["lr"])
        seconds = speed.measure(SECONDS, net, cut, optimizer, complete).run(complete)
    except (OSError, ValueError, MemoryError, ModuleNotFoundError) as error:
        return Estimate(job.row.name, job.form, problem=str(error).splitlines()[0])
    return Estimate(job.row.name, job.form, net.size, complete.iterations, seconds / 60)
