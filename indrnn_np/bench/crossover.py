"""From which size on which backend is faster: the scan's two passes and a training step, over T and the columns B·H.

At each point every backend runs the same three, from the same numbers, and each call waits until the backend is done:

    kernel              the bare recurrence, forward and backward, on arrays that are where the backend computes
    training step       of one layer: forward, loss, backward, clipping, Adam, projection; the batch is there too
    step with transfer  the same from a batch in the CPU's memory, with the outputs back there at the end
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from .. import _check, _threads
from .._about import blas
from ..backend import Backend, get
from . import iteration, recurrence
from .agreement import Agreement, WrongResult
from .cases import Case
from .runner import Steps, described, lines
from .setup import CHECKED_STEPS, DTYPE
from .timing import Candidate, measure

CROSSOVER = "crossover"
KERNEL, STEP, TRANSFER = "kernel", "training step", "step with transfer"
WHATS = (KERNEL, STEP, TRANSFER)
STEPS, COLUMNS = (32, 256, 2048), (256, 4096, 65_536)
GRID = tuple((T, columns) for T in STEPS for columns in COLUMNS)
QUICK_GRID = tuple((T, columns) for T in STEPS[:2] for columns in COLUMNS[:2])
HIDDEN = 128  # units of the layer, and inputs; the batch fills the columns
CHECKED_BATCH = 8  # samples of the comparison
ARRAYS = 10  # of T·B·H numbers that a backend holds at a point


def run(
    backends: Iterable[str],
    points: Iterable[tuple[int, int]] = GRID,
    threads: int = 0,
    seconds: float = 1.0,
    rounds: int = 5,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, Any]:
    """See `bench.run_crossover`."""
    tables, cases = [get(name) for name in dict.fromkeys(backends)], [case(*point) for point in points]
    _check.at_least("bench", "seconds", seconds, 0, strictly=True)
    _check.at_least("bench", "rounds", rounds, 1)
    if threads:
        _threads.set_threads(threads)
    steps = Steps(len(cases) * (len(tables) + rounds + 1), progress)
    found = [run_point(one, tables, seconds, rounds, steps) for one in cases]
    return {
        "threads": _threads.threads(), "dtype": np.dtype(DTYPE).name, "blas": blas(), "seconds": seconds,
        "rounds": rounds, "backends": [ops.name for ops in tables], "cases": found,
    }  # fmt: skip


def case(T: int, columns: int) -> Case:
    """The point of T steps and B·H columns."""
    _check.at_least("bench", "T", T, 1)
    _check.at_least("bench", "columns", columns, 1)
    H = math.gcd(HIDDEN, columns)
    return Case(f"{T} x {columns}", CROSSOVER, T, columns // H, H, H, "which backend is faster")


def run_point(
    point: Case, backends: list[Backend], seconds: float, rounds: int, steps: Steps
) -> dict[str, Any]:
    """Check the backends at a point, time those that are right, and return the point's dict."""
    candidates: dict[tuple[str, str], Candidate] = {}
    checks: dict[str, Agreement] = {}
    wrong, left_out = {}, {}
    for ops in backends:
        steps.text = f"{point.name}: check {ops.name}"
        steps.tell()
        try:
            reason = lacking(point, ops)
            if reason:
                left_out[ops.name] = reason
            else:
                checks |= check(point, ops.name)
                candidates |= {(what, ops.name): candidate for what, candidate in prepare(point, ops)}
        except WrongResult as error:
            wrong[ops.name] = str(error)
        steps()
    steps.text = f"{point.name}: {len(candidates)} candidates"
    return described(point, checks, wrong, left_out, timed(candidates, point.T, seconds, rounds, steps))


def timed(
    candidates: dict[tuple[str, str], Candidate], T: int, seconds: float, rounds: int, steps: Steps
) -> list[dict[str, Any]]:
    """The lines of a point. A backend that has nothing to copy has its training step's line for both."""
    keys = {", ".join(key): key for key in candidates}
    named = {name: candidates[key] for name, key in keys.items()}
    timings = measure(named, seconds, rounds, steps)
    found = {keys[line["candidate"]]: line for line in lines(named, timings, T)}
    for _, backend in [key for key in found if key[0] == STEP and (TRANSFER, key[1]) not in found]:
        found[TRANSFER, backend] = found[STEP, backend] | {"candidate": f"{TRANSFER}, {backend}"}
    order = sorted(found, key=lambda key: WHATS.index(key[0]))
    return [found[key] | {"what": key[0], "backend": key[1]} for key in order]


def check(point: Case, backend: str) -> dict[str, Agreement]:
    """Compare both passes and two updates with the reference on a few samples; WrongResult names what is off."""
    small = replace(point, name=f"{point.name}, {backend}", B=min(point.B, CHECKED_BATCH))
    passes = recurrence.check(
        small.name, recurrence.draw(small, min(point.T, CHECKED_STEPS), backend)
    ).values()
    worst = max(passes, key=lambda agreement: agreement.error)
    return {f"{KERNEL}, {backend}": worst, f"{STEP}, {backend}": iteration.check(small, backend)}


def prepare(point: Case, ops: Backend) -> Iterator[tuple[str, Candidate]]:
    """What a backend is timed with, by name; no transfer where the batch is NumPy's anyhow."""
    data, training = recurrence.draw(point, point.T, ops.name), iteration.Training(point, ops.name)

    def kernel() -> None:
        data.forward()
        data.backward()
        ops.synchronize()

    def step() -> None:
        training.iterate()
        ops.synchronize()

    def transfer() -> None:
        training.iterate(training.host)
        ops.to_host(training.y)

    yield KERNEL, Candidate(kernel)
    yield STEP, Candidate(step)
    if ops.arrays is not np.ndarray:
        yield TRANSFER, Candidate(transfer)


def lacking(point: Case, ops: Backend) -> str:
    """Why there is no room for a point, empty if there is."""
    free, limit = ops.memory()
    needed = ARRAYS * point.T * point.B * point.H * np.dtype(DTYPE).itemsize
    if free is None or needed <= free:
        return ""
    return f"about {needed / 2**30:.3g} GiB are needed, {free / 2**30:.3g} GiB are free, by {limit}"
