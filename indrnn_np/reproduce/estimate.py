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
    parameters : int, optional
        Parameters of the network.
    iterations : int, optional
        Updates of the run.
    minutes : float, optional
        Expected minutes, with all evaluations.
    problem : str
        Why the numbers are None: usually, the data are missing. "" if there are numbers.
    """

    row: str
    form: str
    parameters: int | None = None
    iterations: int | None = None
    minutes: float | None = None
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
