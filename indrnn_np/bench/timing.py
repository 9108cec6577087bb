"""Time candidates in alternating blocks of calls, so that a drift of the machine affects all of them.

A pause separates the blocks, because idle threads of BLAS and other libraries spin for a while and
occupy a core. The first call of a block does not count, because the caches hold other arrays.
Ratios compare medians of one run.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .._cpu import threads

FEWEST = 3  # minimum number of timed calls
MOST = 1000  # maximum number of calls in a block
SETTLE = 0.2  # seconds between blocks, with several threads
SLOW = 1.0  # seconds; the first call of a slower candidate counts, because cold caches hardly matter

ENGINE, FLOOR, COPY, RIVAL, OTHER_CELL = "engine", "floor", "copy", "rival", "other cell"
ROLES = (ENGINE, FLOOR, COPY, RIVAL, OTHER_CELL)


@dataclass(frozen=True)
class Candidate:
    """Function to time.

    Parameters
    ----------
    run : callable
        Timed function.
    role : str
        "engine": this package. "floor": a lower bound. "copy": the copy rate of the machine.
        "rival": another implementation of the same cell. "other cell": another recurrent cell of
        the same shape.
    library : str
        BLAS library of its matrix products, with version and core.
    before : callable, optional
        Called before each call, not timed.
    moved : int
        Bytes that a call must read and write; 0 if memory is not the limit.
    allocated : int
        Bytes of write-allocate traffic: the CPU reads a cache line before it writes to it.
    note : str
        Remark on the result.
    gradients : callable, optional
        For a rival: a function of `layer.Data` that returns states (T, B, H) and gradients by name,
        which are compared with the reference. None for another cell.
    """

    run: Callable[[], object]
    role: str = ENGINE
    library: str = ""
    before: Callable[[], object] | None = None
    moved: int = 0
    allocated: int = 0
    note: str = ""
    gradients: Callable[..., Any] | None = None


@dataclass(frozen=True)
class LeftOut:
    """Candidate that is not timed, with the reason."""

    reason: str


@dataclass(frozen=True)
class Timing:
    """Median and quartiles of the time of a call in seconds, and the number of timed calls."""

    median: float
    low: float
    high: float
    calls: int


def measure(
    candidates: Mapping[str, Candidate],
    seconds: float = 1.0,
    rounds: int = 5,
    tick: Callable[[], object] = lambda: None,
) -> dict[str, Timing]:
    """Time candidates in alternating blocks; call `tick` after the warm-up and after each round.

    Each candidate first runs twice, because the first call may compile. The time of the second call
    determines the size of the blocks.
    """
    expected = {name: _warm(candidate) for name, candidate in candidates.items()}
    samples: dict[str, list[float]] = {name: [] for name in candidates}
    tick()
    for number in range(rounds):
        order = list(candidates) if number % 2 == 0 else list(candidates)[::-1]
        for name in order:
            calls, turns = plan(expected[name], seconds, rounds)
            if number < turns:
                time.sleep(SETTLE if threads.threads() > 1 else 0)
                samples[name] += block(candidates[name], calls, skip=expected[name] < SLOW)
        tick()
    return {name: summary(times) for name, times in samples.items()}


def plan(expected: float, seconds: float, rounds: int) -> tuple[int, int]:
    """Return (calls per block, number of blocks) for a call that takes `expected` seconds."""
    fewest = -(-FEWEST // rounds)
    calls = max(fewest, min(MOST, int(seconds / rounds / expected)))
    turns = max(-(-FEWEST // calls), min(rounds, int(seconds / calls / expected)))
    return calls, turns


def block(candidate: Candidate, calls: int, skip: bool) -> list[float]:
    """Return the times of consecutive calls in seconds; with `skip` an extra first call is not counted."""
    return [_once(candidate) for _ in range(calls + skip)][skip:]


def summary(samples: list[float]) -> Timing:
    """Return median and quartiles."""
    low, median, high = statistics.quantiles(samples, n=4, method="inclusive")
    return Timing(median, low, high, len(samples))


def _warm(candidate: Candidate) -> float:
    _once(candidate)
    return max(_once(candidate), 1e-7)


def _once(candidate: Candidate) -> float:
    if candidate.before is not None:
        candidate.before()
    start = time.perf_counter()
    candidate.run()
    return time.perf_counter() - start
