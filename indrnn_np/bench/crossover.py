"""Compare the speed of backends for the recurrence and for a training iteration, over T and B·H columns.

At each point every backend runs the same three candidates on the same numbers; each call
synchronizes:

kernel              the recurrence alone, forward and backward, on arrays of the backend
training step       an iteration of one layer: forward, loss, backward, clipping, Adam, projection; the
                    batch is on the device
step with transfer  the same, with the batch copied from host memory and the outputs copied back
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from .. import _check
from .._types import Json
from ..backend import Backend, get
from . import iteration, recurrence
from .agreement import Agreement, WrongResult
from .cases import Case
from .runner import Parts, Progress, described, lines, prepare_machine
from .setup import CHECKED_STEPS, DTYPE
from .timing import Candidate, measure

CROSSOVER = "crossover"
KERNEL, STEP, TRANSFER = "kernel", "training step", "step with transfer"
WHATS = (KERNEL, STEP, TRANSFER)
STEPS, COLUMNS = (32, 256, 2048), (256, 4096, 65_536)
GRID = tuple((T, columns) for T in STEPS for columns in COLUMNS)
QUICK_GRID = tuple((T, columns) for T in STEPS[:2] for columns in COLUMNS[:2])
SIMULATED_GRID = ((4, 8), (8, 16))
HIDDEN = 128  # units of the layer, and inputs; the batch fills the columns
CHECKED_BATCH = 8  # batch size of the comparison with the reference
ARRAYS = 10  # estimated arrays (T, B, H) that a backend holds at a point


def run_crossover(
    backends: Iterable[str],
    points: Iterable[tuple[int, int]] | None = None,
    threads: int = 0,
    seconds: float = 1.0,
    rounds: int = 5,
    progress: Progress | None = None,
) -> Json:
    """Check and time several backends, and return a dict that JSON can hold.

    Parameters
    ----------
    backends : iterable of str
        Names of backends, such as "cpu" and "cuda".
    points : iterable of tuple of int, optional
        Pairs (T, columns), where columns is batch size times units. By default `GRID`.
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
    cases = [case(*point) for point in (GRID if points is None else points)]
    conditions = prepare_machine(threads, seconds, rounds)
    parts = Parts(len(cases) * (len(tables) + rounds + 1), progress)
    results = [run_point(point, tables, seconds, rounds, parts) for point in cases]
    return conditions | {"backends": [ops.name for ops in tables], "cases": results}


def case(T: int, columns: int) -> Case:
    """Return the case of T steps and B·H columns."""
    _check.at_least("bench", "T", T, 1)
    _check.at_least("bench", "columns", columns, 1)
    H = math.gcd(HIDDEN, columns)
    return Case(f"{T} x {columns}", CROSSOVER, T, columns // H, H, H, "which backend is faster")


def run_point(point: Case, backends: list[Backend], seconds: float, rounds: int, parts: Parts) -> Json:
    """Check the backends at a point, time the correct ones, and return the dict of the point."""
    candidates: dict[tuple[str, str], Candidate] = {}
    checks: dict[str, Agreement] = {}
    wrong, left_out = {}, {}
    for ops in backends:
        parts.begin(f"{point.name}: check {ops.name}")
        try:
            if reason := missing_memory(point, ops):
                left_out[ops.name] = reason
            else:
                checks |= check(point, ops.name)
                candidates |= {(what, ops.name): candidate for what, candidate in prepare(point, ops)}
        except WrongResult as error:
            wrong[ops.name] = str(error)
        parts()
    parts.text = f"{point.name}: {len(candidates)} candidates"
    return described(point, checks, wrong, left_out, timed(candidates, point.T, seconds, rounds, parts))


def timed(
    candidates: dict[tuple[str, str], Candidate], T: int, seconds: float, rounds: int, parts: Parts
) -> list[Json]:
    """Return the lines of a point; a backend without transfers repeats the line of its training step."""
    keys = {", ".join(key): key for key in candidates}
    named = {name: candidates[key] for name, key in keys.items()}
    timings = measure(named, seconds, rounds, parts)
    by_key = {keys[line["candidate"]]: line for line in lines(named, timings, T)}
    for _, backend in [key for key in by_key if key[0] == STEP and (TRANSFER, key[1]) not in by_key]:
        by_key[TRANSFER, backend] = by_key[STEP, backend] | {"candidate": f"{TRANSFER}, {backend}"}
    order = sorted(by_key, key=lambda key: WHATS.index(key[0]))
    return [by_key[key] | {"what": key[0], "backend": key[1]} for key in order]


def check(point: Case, backend: str) -> dict[str, Agreement]:
    """Compare both passes and two updates with the reference on a few samples; raise WrongResult if they differ."""
    small = replace(point, name=f"{point.name}, {backend}", B=min(point.B, CHECKED_BATCH))
    data = recurrence.draw(small, min(point.T, CHECKED_STEPS), backend)
    worst = max(recurrence.check(small.name, data).values(), key=lambda agreement: agreement.error)
    return {f"{KERNEL}, {backend}": worst, f"{STEP}, {backend}": iteration.check(small, backend)}


def prepare(point: Case, ops: Backend) -> Iterator[tuple[str, Candidate]]:
    """Yield the candidates of a backend by name; a host backend has none with transfers."""
    data, training = recurrence.draw(point, point.T, ops.name), iteration.Training(point, ops.name)

    def kernel() -> None:
        data.forward()
        data.backward()
        ops.device.synchronize()

    def step() -> None:
        training.iterate()
        ops.device.synchronize()

    def transfer() -> None:
        training.iterate(training.host)
        ops.device.to_host(training.y)

    yield KERNEL, Candidate(kernel)
    yield STEP, Candidate(step)
    if ops.device.arrays is not np.ndarray:
        yield TRANSFER, Candidate(transfer)


def missing_memory(point: Case, ops: Backend) -> str:
    """Return the reason why the memory is too small for a point, or an empty string."""
    free, limit = ops.device.memory()
    needed = ARRAYS * point.T * point.B * point.H * np.dtype(DTYPE).itemsize
    if free is None or needed <= free:
        return ""
    return f"about {needed / 2**30:.3g} GiB are needed, {free / 2**30:.3g} GiB are free, by {limit}"
