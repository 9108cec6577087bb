"""`sweep`: train on every combination of settings and seeds, in parallel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path

from .. import _check
from .._types import Value
from ..training.progress import Reporter, duration
from . import cells, pool, product
from .job import FAILED, FINISHED, WAITING, Job, Outcome, finished
from .results import SPLITS, Sweep, record


def sweep(
    task: str,
    sets: Mapping[str, Value],
    seeds: Iterable[int] = (0,),
    *,
    out: str | Path | None = None,
    config: str | Path | None = None,
    jobs: int = 1,
    executor: Executor | None = None,
    progress: bool = True,
) -> Sweep:
    """Train with every combination of values of settings and every seed, and return the table.

    Each run is one of `indrnn train`, in the folder OUT/NAME=VALUE,...,seed=N. The same call skips
    finished runs and resumes interrupted ones. A run that fails is a row with its error. The table
    (table.md, table.json) and a figure (sweep.png, extra `plot`) are written to OUT.

    Parameters
    ----------
    task : str
        Task of `indrnn train`, such as "adding".
    sets : mapping
        A value, or a list of values, for each setting: {"lr": [1e-4, 1e-3], "hidden": 64}.
    seeds : iterable of int
        Seeds of the runs of a combination.
    out : path, optional
        Folder of the sweep. None: runs/sweep/TASK.
    config : path, optional
        TOML file of settings for all runs; `sets` take precedence.
    jobs : int
        Worker processes of this machine. Several processes share the cores: each run has the
        number of threads of `set_threads`, by default one per core, divided by `jobs`. Protect the
        main module of your program by `if __name__ == "__main__":`, because each process imports it.
    executor : Executor, optional
        Executor of concurrent.futures that runs the jobs, in place of `jobs` processes:
        `mpi4py.futures.MPIPoolExecutor()`, or `Client.get_executor()` of dask. Its workers need
        this package and a common file system. Set "threads" for them.
    progress : bool
        Print a line on stderr at the end of each run.

    Returns
    -------
    Sweep

    Raises
    ------
    ValueError
        If a setting or a value is wrong, or if a folder holds a run with other settings. Nothing
        has started then.
    RuntimeError
        If the worker processes cannot start.

    Examples
    --------
    >>> import tempfile
    >>> import indrnn_np as ir
    >>> sets = {"lr": [1e-3, 1e-2], "steps": 5, "hidden": 4, "batch": 3, "iterations": 2, "backend": "reference"}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     result = ir.sweep("adding", sets, seeds=[0, 1], out=folder, progress=False)
    >>> [run["state"] for run in result.runs]
    ['finished', 'finished', 'finished', 'finished']
    """
    _check_arguments(jobs, executor, progress)
    folder = product.out_of(task, out)
    runs = product.jobs_of(task, sets, seeds, folder, config, 0 if executor else pool.threads_each(jobs))
    result, _ = run_all(runs, folder, Watch(Reporter(progress).log), jobs, executor)
    result.write()
    return result


def _check_arguments(jobs: int, executor: object, progress: bool) -> None:
    """Check the arguments of `sweep` that are no settings."""
    _check.boolean(product.WHERE, "progress", progress)
    _check.at_least(product.WHERE, "jobs", jobs, 1)
    if executor is not None and not isinstance(executor, Executor):
        expected = "an Executor of concurrent.futures"
        _check.fail(product.WHERE, f"executor is {executor!r:.60}", expected, error=TypeError)


class Watch:
    """Log a line at the end of each run."""

    def __init__(self, log: Callable[[str], object]) -> None:
        self.log = log

    def begin(self, jobs: Sequence[Job], outcomes: Mapping[int, Outcome]) -> None:
        """Begin to watch jobs, of which some have outcomes, to which the others are added."""
        self.jobs, self.outcomes, self.labels = jobs, outcomes, labels(jobs)
        if outcomes:
            self.log(f"sweep: {len(outcomes)} of {len(jobs)} runs are finished from before")

    def ended(self, number: int) -> None:
        """Log the outcome of a job that had begun."""
        outcome = self.outcomes[number]
        if outcome.state != WAITING:
            ended = sum(other.state in (FINISHED, FAILED) for other in self.outcomes.values())
            self.log(f"{ended}/{len(self.jobs)} {self.labels[number]}: {line(outcome)}")

    def update(self) -> None:
        """Show the state of the runs; called several times per second."""


def run_all(
    jobs: Sequence[Job], out: Path, watch: Watch, processes: int = 1, executor: Executor | None = None
) -> tuple[Sweep, bool]:
    """Run the jobs that are not finished; return the result, and False after Ctrl-C."""
    outcomes: dict[int, Outcome] = {}
    for number, job in enumerate(jobs):
        if (summary := finished(job.directory)) is not None:
            outcomes[number] = Outcome(summary)
    watch.begin(jobs, outcomes)

    def report(number: int, outcome: Outcome) -> None:
        outcomes[number] = outcome
        watch.ended(number)

    waiting = {number: job for number, job in enumerate(jobs) if number not in outcomes}
    complete = pool.run_all(waiting, report, processes, executor, watch.update)
    runs = [record(job, outcomes.get(number, Outcome()), out) for number, job in enumerate(jobs)]
    return Sweep(runs, out), complete


def labels(jobs: Sequence[Job]) -> list[str]:
    """Return the settings of each run that differ between the runs, such as "lr=0.001,seed=2"."""
    names = cells.varied([{"settings": job.choice} for job in jobs]) or ["seed"]
    return [product.words({name: job.choice[name] for name in names}) for job in jobs]


def line(outcome: Outcome) -> str:
    """Return the outcome of a run as text: its state, its final values and its time, or its error."""
    if outcome.error:
        return f"{outcome.state}: {outcome.error}"
    parts = [outcome.state]
    if (summary := outcome.summary) is not None:
        values = {split: cells.final([summary], split) for split in SPLITS}
        metric = summary["metric"]
        parts += [f"{split} {metric} {cells.value(v[0], metric)}" for split, v in values.items() if v]
        parts.append(duration(summary["seconds"]))
    return ", ".join(parts)
