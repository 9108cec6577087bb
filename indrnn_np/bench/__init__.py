"""Times the kernels and a training step on this machine, beside what limits them.

    from indrnn_np import bench
    result = bench.run(bench.select("quick"), threads=2)       # plain values: JSON
    print(*bench.report.cells(result["cases"][0]), sep="\\n")    # the lines of a table

Three kinds of case (`cases`), each in a file of its own that draws the arrays, compares with the reference before any
clock starts, and names what is timed: `layer` beside its floor of three matrix products, `recurrence` beside the
machine's own copy rate, `iteration` of training beside the products that it contains. `crossover` sets one backend
beside another. `timing` measures, `runner` puts the results together, `report` makes words of them. Importing this
loads no numpy: the command and the scripts of benchmarks/ choose what numpy reads from the environment first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from . import report
from .cases import CASES, LEVELS, Case, select

__all__ = ["CASES", "LEVELS", "Case", "report", "run", "run_crossover", "select"]


def run(
    cases: Iterable[Case],
    threads: int = 0,
    rivals: Mapping[str, Any] | None = None,
    seconds: float = 1.0,
    rounds: int = 5,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, Any]:
    """Check and time cases; returns plain values that JSON can hold.

    Parameters
    ----------
    cases
        What to time, from `select` or of your own.
    threads
        Of kernels, products and rivals; 0: one a core.
    rivals
        Other implementations by name, beside cases of kind "layer": a function (case, data, threads) ->
        {name: Candidate or LeftOut}, or the reason why there is none.
    seconds
        About so long each candidate is timed in each case; at least three calls are.
    rounds
        Turns that each candidate has, in blocks of calls.
    progress
        Called with (text, steps done, steps in all).

    Raises
    ------
    ValueError
        If a number is out of range. A wrong result is no error here: it is not timed, and stands in "wrong".
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
    """Check and time backends beside each other; returns plain values that JSON can hold, as `run` does.

    Parameters
    ----------
    backends
        Names, as "cpu" and "cuda".
    points
        Pairs (T, columns): steps, and batch times units; None: `crossover.GRID`.
    threads, seconds, rounds, progress
        As for `run`.

    Raises
    ------
    ValueError
        If a number is out of range or a backend unknown.
    RuntimeError
        If a backend cannot run on this machine; the message says what is missing.
    """
    from . import crossover

    return crossover.run(
        backends, crossover.GRID if points is None else points, threads, seconds, rounds, progress
    )
