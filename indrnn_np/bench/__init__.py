"""Benchmarks of the kernels and of a training iteration, compared with their limits on this machine.

    from indrnn_np import bench
    result = bench.run(bench.select("quick"), threads=2)       # plain values: JSON
    print(*bench.report.cells(result["cases"][0]), sep="\\n")    # the lines of a table

The kinds of case (`cases`) are `layer`, compared with its three matrix products, `recurrence`,
compared with the copy rate of the machine, and `iteration`, compared with its matrix products. The
file of each kind draws the arrays, checks the results against the reference and lists the
candidates. `crossover` compares backends, `crossover_time` the serial recurrence
with the scan over time, `ladder` the twins of an op from the reference to the
tuned kernel. `timing` measures, `runner` collects the results, and `report` formats them. Importing
this package does not load numpy, because the command and the scripts of benchmarks/ set environment
variables first.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import report
from .cases import CASES, LEVELS, Case, select

if TYPE_CHECKING:
    from .crossover import run_crossover
    from .crossover_time import run_crossover_time
    from .ladder import run_ladder
    from .runner import run

__all__ = [
    "CASES",
    "LEVELS",
    "Case",
    "report",
    "run",
    "run_crossover",
    "run_crossover_time",
    "run_ladder",
    "select",
]
_MODULES = {
    "run": "runner",
    "run_crossover": "crossover",
    "run_crossover_time": "crossover_time",
    "run_ladder": "ladder",
}  # loaded at first use


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULES[name]}", __name__), name)
