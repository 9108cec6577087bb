"""Compare the serial recurrence with the scan over time, over T and B·H columns, and write a table for `time="auto"`.

At each point both forms run forward and backward on the same numbers; each call synchronizes. The
scan is compared with the reference first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from types import ModuleType

import numpy as np

from .. import _check
from .._cpu import provenance
from .._types import Json
from ..backend import Backend, get
from ..layers.time_table import FORMAT, NEVER, PARALLEL, SERIAL, VERSION
from ..ops.recurrence.activation import ACTIVATIONS
from . import recurrence
from .agreement import Agreement, WrongResult, compare
from .cases import Case
from .crossover import missing_memory
from .runner import Parts, Progress, described, lines, prepare_machine
from .setup import CHECKED_STEPS
from .timing import Candidate, measure

CROSSOVER_TIME = "crossover of time"
STEPS, COLUMNS = (256, 2048, 16_384, 131_072), (1, 16, 128, 1024)
MOST = 2**23  # elements of an array (T, B, H); larger points are left out of the grid
GRID = tuple((T, columns) for T in STEPS for columns in COLUMNS if T * columns <= MOST)
QUICK_GRID = tuple((T, columns) for T in STEPS[:2] for columns in COLUMNS[1:3])
SIMULATED_GRID = ((70, 2),)
LEAD = 0.95  # of the serial time: the scan must be faster than that, because it rounds differently


def run_crossover_time(
    backends: Iterable[str],
    points: Iterable[tuple[int, int]] | None = None,
    threads: int = 0,
    seconds: float = 1.0,
    rounds: int = 5,
    progress: Progress | None = None,
) -> Json:
    """Check and time both forms for every activation, and return a dict that JSON can hold.

    Parameters
    ----------
    backends : iterable of str
        Names of backends.
    points : iterable of tuple of int, optional
        Pairs (T, columns). By default `GRID`.
    threads, seconds, rounds, progress
        As in `bench.run`.

    Raises
    ------
    ValueError
        If a number is out of range or a backend unknown.
    RuntimeError
        If a backend cannot run on this machine; the message names the missing part.
    """
    tables = [get(name) for name in dict.fromkeys(backends)]
    chosen = GRID if points is None else tuple(points)
    cases = [case(*point, activation) for activation in ACTIVATIONS for point in chosen]
    conditions = prepare_machine(threads, seconds, rounds)
    parts = Parts(len(cases) * len(tables) * (rounds + 2), progress)
    results = [run_point(point, ops, seconds, rounds, parts) for ops in tables for point in cases]
    return conditions | {"backends": [ops.name for ops in tables], "cases": results}


def case(T: int, columns: int, activation: str) -> Case:
    """Return the case of T steps and `columns` columns B·H."""
    _check.at_least("bench", "T", T, 1)
    _check.at_least("bench", "columns", columns, 1)
    return Case(
        f"{T} x {columns}, {activation}", CROSSOVER_TIME, T, 1, 0, columns, "serial or scan", activation
    )


def run_point(point: Case, ops: Backend, seconds: float, rounds: int, parts: Parts) -> Json:
    """Check the scan of a backend at a point, time both forms, and return the dict of the point."""
    named = replace(point, name=f"{point.name}, {ops.name}")
    parts.begin(f"{named.name}: check")
    checks, wrong, left_out, timed = {}, {}, {}, []
    try:
        if reason := missing_memory(point, ops):
            left_out[PARALLEL] = reason
        else:
            checks[PARALLEL] = check(named, ops)
            parts.begin(f"{named.name}: 2 candidates")
            candidates = prepare(point, ops)
            timed = lines(candidates, measure(candidates, seconds, rounds, parts), point.T)
    except WrongResult as error:
        wrong[PARALLEL] = str(error)
    parts()
    return described(named, checks, wrong, left_out, timed) | {"backend": ops.name}


def check(point: Case, ops: Backend) -> Agreement:
    """Compare both passes of the scan with the reference on a few steps; raise WrongResult if they differ."""
    data = recurrence.draw(point, min(point.T, CHECKED_STEPS), ops.name)
    reference = get("reference").recurrence
    scan, host = ops.parallel("recurrence"), ops.device.to_host
    a, u, h0, dh = (host(array).astype(np.float64) for array in (data.a, data.u, data.h0, data.dh))
    h = reference.forward(a, u, h0, point.activation)
    exact = (h, *reference.backward(dh, h, u, None, point.activation))
    found = scan.forward(data.a, data.u, data.h0, point.activation)
    results = (found, *scan.backward(data.dh, found, data.u, None, point.activation))
    expected = dict(zip(("h", "da", "du", "dh0"), exact, strict=True))
    return compare(point.name, len(a), expected, dict(zip(expected, map(host, results), strict=True)))


def prepare(point: Case, ops: Backend) -> dict[str, Candidate]:
    """Return both forms, each with its forward and backward pass."""
    data = recurrence.draw(point, point.T, ops.name)

    def both(op: ModuleType) -> Candidate:
        def run() -> None:
            op.forward(data.a, data.u, data.h0, point.activation, out=data.h)
            op.backward(data.dh, data.h, data.u, None, point.activation, out=data.da)
            ops.device.synchronize()

        return Candidate(run)

    return {SERIAL: both(ops.recurrence), PARALLEL: both(ops.parallel("recurrence"))}


def time_table(result: Json) -> Json:
    """Return the table for `--time-table`: the T from which the scan was faster at every longer measured T."""
    backends: Json = {}
    about = provenance.machine()
    machine = f"{about['cpu']}, {about['threads']} threads, {about['date']}"
    source = f"measured by `indrnn bench --crossover-time` on {machine}"
    for name in result["backends"]:
        pairs = {activation: _pairs(result, name, activation) for activation in ACTIVATIONS}
        backends[name] = {"source": source, "least_steps": pairs}
    return {"format": FORMAT, "version": VERSION, "backends": backends}


def _pairs(result: Json, backend: str, activation: str) -> list[list[int]]:
    """Return the pairs [columns, least T] of a backend and an activation, without the last columns that are serial."""
    faster: dict[int, dict[int, bool]] = {}
    for point in result["cases"]:
        if point["backend"] == backend and point["activation"] == activation and point["lines"]:
            ms = {line["candidate"]: line["ms"] for line in point["lines"]}
            faster.setdefault(point["H"], {})[point["T"]] = ms[PARALLEL] < LEAD * ms[SERIAL]
    pairs = []
    for columns, by_steps in sorted(faster.items()):
        least = NEVER
        for T, wins in sorted(by_steps.items(), reverse=True):
            if not wins:
                break
            least = T
        pairs.append([columns, least])
    while pairs and pairs[-1][1] == NEVER:
        pairs.pop()
    return pairs
