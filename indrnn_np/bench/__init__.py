"""Benchmarks of the kernels and of a training iteration, compared with their limits on this machine.

    from indrnn_np import bench
    result = bench.run(bench.select("quick"), threads=2)       # plain values: JSON
    print(*bench.report.cells(result["cases"][0]), sep="\\n")    # the lines of a table

The kinds of case (`cases`) are `layer`, compared with its three matrix products, `recurrence`, compared
with the copy rate of the machine, and `iteration`, compared with its matrix products. The file of each
kind draws the arrays, checks the results against the reference and lists the candidates. `crossover`
compares backends, `ladder` the twins of an op from the reference to the tuned kernel. `timing` measures,
`runner` collects the results, and `report` formats them. Importing this package does not load numpy,
because the command and the scripts of benchmarks/ set environment variables first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from . import report
from .cases import CASES, LEVELS, Case, select

__all__ = ["CASES", "LEVELS", "Case", "report", "run", "run_crossover", "run_ladder", "select"]


def run(
    cases: Iterable[Case],
    threads: int = 0,
    rivals: Mapping[str, Any] | None = None,
    seconds: float = 1.0,
    rounds: int = 5,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, Any]:
    """Check and time cases, and return a dict that JSON can hold.

    Parameters
    ----------
    cases : iterable of Case
        Cases from `select`, or your own.
    threads : int
        Threads of kernels, matrix products and rivals; 0: one per core.
    rivals : dict of str to callable or str, optional
        Other implementations by name, for cases of kind "layer": a function (case, data, threads) ->
        {name: Candidate or LeftOut}, or the reason why it is missing.
    seconds : float
        Approximate time for each candidate of a case; at least three calls are timed.
    rounds : int
        Number of blocks of calls for each candidate.
    progress : callable, optional
        Called with a text, the number of parts done and the total.

    Raises
    ------
    ValueError
        If a number is out of range. A wrong result raises no error; it is listed in "wrong" and not
        timed.
    """
    from .runner import run_cases

    return run_cases(tuple(cases), threads, rivals or {}, seconds, rounds, progress)


def run_crossover(
    backends: Iterable[str],
    points: Iterable[tuple[int, int]] | None = None,
    threads: int = 0,
    seconds: float = 1.0,
    rounds: int = 5,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, Any]:
    """Check and time several backends, and return a dict that JSON can hold.

    Parameters
    ----------
    backends : iterable of str
        Names of backends, such as "cpu" and "cuda".
    points : iterable of tuple of int, optional
        Pairs (T, columns), where columns is batch size times units. By default `crossover.GRID`.
    threads, seconds, rounds, progress
        As in `run`.

    Raises
    ------
    ValueError
        If a number is out of range or a backend unknown.
    RuntimeError
        If a backend cannot run on this machine; the message names the missing part.
    """
    from . import crossover

    points = crossover.GRID if points is None else points
    return crossover.run(backends, points, threads, seconds, rounds, progress)


def run_ladder(
    ops: Iterable[str] | None = None,
    threads: int = 0,
    seconds: float = 1.0,
    rounds: int = 5,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, Any]:
    """Check and time the reference, plain and tuned twins of ops, and return a dict that JSON can hold.

    Parameters
    ----------
    ops : iterable of str, optional
        "recurrence", "indrnn", "batchnorm" and "adam". By default all.
    threads, seconds, rounds, progress
        As in `run`.

    Raises
    ------
    ValueError
        If a number is out of range or an op has no plain twin.
    """
    from . import ladder

    return ladder.run(ladder.OPS if ops is None else ops, threads, seconds, rounds, progress)
