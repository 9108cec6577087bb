"""Run jobs on processes of this machine, or on any executor of concurrent.futures.

Ctrl-C ends the runs of our processes with a checkpoint. Runs on an executor of the caller cannot be
reached: those that have begun continue, and the others do not begin.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from concurrent.futures.process import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Protocol

from .._cpu.threads import set_threads, threads
from .._files import locks
from ..training.progress import Reporter
from ..training.signals import Interrupt
from .job import Job, Outcome, run

PAUSE = 0.25  # seconds between two looks at Ctrl-C and at the runs
Jobs = Mapping[int, Job]  # by number
Report = Callable[[int, Outcome], object]


class Flag(Protocol):
    """An Event of threading or multiprocessing."""

    def is_set(self) -> bool:
        """Return whether the flag is set."""

    def set(self) -> None:
        """Set the flag."""


_stop: list[Flag] = [threading.Event()]  # of this process; `_begin` replaces it in a worker process


def threads_each(processes: int) -> int:
    """Return the number of threads of each of several processes; 0, one per core, for one process."""
    return 0 if processes == 1 else max(1, threads() // processes)


def work(job: Job) -> Outcome:
    """Run a job in this process, and return its outcome; an error becomes its text."""

    def stop(iteration: int = 0) -> bool:
        return _stop[0].is_set() or time.time() >= job.deadline

    if stop():
        return Outcome()
    try:
        if job.used["threads"]:
            set_threads(job.used["threads"])
        return Outcome(run(job, stop))
    except Exception as error:  # noqa: BLE001, the other runs go on
        if job.directory.log.is_file():
            Reporter(False, job.directory.log).log(traceback.format_exc().rstrip())
        return Outcome(error=str(error) or type(error).__name__)


def run_all(
    jobs: Jobs, report: Report, processes: int = 1, executor: Executor | None = None,
    watch: Callable[[], object] = lambda: None,
) -> bool:  # fmt: skip
    """Run jobs, and return False after Ctrl-C; a second Ctrl-C ends the processes at once.

    Parameters
    ----------
    jobs : mapping of int to Job
        Jobs by number.
    report : callable
        Called with the number and the outcome of each job that has ended. Interrupted jobs that
        have not begun are not reported.
    processes : int
        Number of worker processes, without `executor`.
    executor : Executor, optional
        Executor to use in place of processes of this machine.
    watch : callable
        Called several times per second.
    """
    _stop[0] = threading.Event()
    with Interrupt() as interrupt:
        if executor is None:
            _on_processes(jobs, report, processes, interrupt, watch)
        else:
            lost = _collect(executor, jobs, report, interrupt, watch, _stop[0])
            for number, error in lost.items():
                report(number, Outcome(error=error))
    return not interrupt.requested


def _on_processes(
    jobs: Jobs, report: Report, count: int, interrupt: Interrupt, watch: Callable[[], object]
) -> None:
    """Run jobs on processes; if the system kills one, its job fails and the others continue in new processes."""
    waiting = dict(jobs)
    while waiting and not interrupt.requested:
        before = {number: locks.holder(job.directory.path) for number, job in waiting.items()}
        with _processes(min(count, len(waiting))) as (executor, stop):
            lost = _collect(executor, waiting, report, interrupt, watch, stop)
        killed = _killed(waiting, lost, before)
        if lost and not killed and not interrupt.requested:
            problem = f"{waiting[min(lost)].command}: the worker processes ended before any run began"
            guard = '`if __name__ == "__main__":` around its calls'
            raise RuntimeError(f"{problem}, expected a program whose main module may be imported: {guard}")
        for number in killed:
            text = "the process of the run was killed, perhaps for its memory; the same command resumes it"
            report(number, Outcome(error=text))
        waiting = {number: job for number, job in waiting.items() if number in set(lost) - killed}


def _killed(jobs: Jobs, lost: Collection[int], before: Mapping[int, str | None]) -> set[int]:
    """Return the lost jobs that had begun: a killed process leaves the lock file of its run.

    `before` holds the texts of lock files that were there before. If no lost job has a new one
    (INDRNN_LOCKS=0) although others have ended, any of them may have begun.
    """
    holders = {number: locks.holder(jobs[number].directory.path) for number in lost}
    begun = {number for number, text in holders.items() if text not in (None, before[number])}
    return begun or (set(lost) if len(lost) < len(jobs) else set())


def _collect(
    executor: Executor, jobs: Jobs, report: Report, interrupt: Interrupt, watch: Callable[[], object], stop: Flag
) -> dict[int, str]:  # fmt: skip
    """Report the jobs that end; return the errors of those whose process was lost, by number."""
    futures, lost = dict[Future[Outcome], int](), dict[int, str]()
    for number, job in jobs.items():
        try:
            futures[executor.submit(work, job)] = number
        except BrokenExecutor as error:
            lost[number] = str(error)
    pending = set(futures)
    while pending:
        done, pending = wait(pending, PAUSE, FIRST_COMPLETED)
        if interrupt.requested:
            stop.set()
            for future in pending:
                future.cancel()
        for future in sorted(done, key=futures.__getitem__):
            try:
                report(futures[future], future.result())
            except CancelledError:
                continue
            except BrokenExecutor as error:
                lost[futures[future]] = str(error)
            except Exception as error:  # noqa: BLE001, whatever an executor raises; the other runs go on
                report(futures[future], Outcome(error=f"{type(error).__name__}: {error}"))
        watch()
    return lost


@contextmanager
def _processes(count: int) -> Iterator[tuple[Executor, Flag]]:
    """Start processes, and yield their executor and the flag that interrupts their runs."""
    context, others = multiprocessing.get_context("spawn"), set(multiprocessing.active_children())
    stop = context.Event()
    with ProcessPoolExecutor(count, context, _begin, (stop,)) as executor:
        try:
            yield executor, stop
        except BaseException:  # a second Ctrl-C
            for process in set(multiprocessing.active_children()) - others:
                process.kill()
            raise


def _begin(stop: Flag) -> None:
    """Prepare a worker process: it ends its runs by `stop`, not by signals, and ends with its parent."""
    _stop[0] = stop
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when its parent has ended, so that nothing holds the locks of its runs."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
