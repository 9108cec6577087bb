"""The clock: candidates take turns in blocks of calls, so that a drift of the machine meets all of them.

Between blocks the clock waits, since idle threads of BLAS and of other libraries go on spinning for a while and take a
core from who comes next; and the first call of a block is not counted, as other arrays fill the caches. Ratios
are those of medians of one run.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .. import _threads

FEWEST = 3  # calls that are counted, however long one takes
MOST = 1000  # calls in a block
SETTLE = 0.2  # seconds between blocks, if there are several threads
SLOW = 1.0  # seconds: in a call this long, what the one before left behind is gone at once, so that it counts

ENGINE, FLOOR, COPY, RIVAL, OTHER_CELL = "engine", "floor", "copy", "rival", "other cell"
ROLES = (ENGINE, FLOOR, COPY, RIVAL, OTHER_CELL)


@dataclass(frozen=True)
class Candidate:
    """Something to time.

    Parameters
    ----------
    run
        The call that is timed.
    role
        "engine": this package. "floor": what it cannot beat. "copy": the machine's copy rate. "rival": another
        implementation of the same. "other cell": another recurrent cell of the same shape, for orientation.
    library
        Who does its matrix products, with version and core.
    before
        Called before each call, not timed.
    moved
        Bytes that a call has to read and write; 0 if that is not what limits it.
    allocated
        Bytes that the CPU reads besides, because it fetches a line of memory before it writes to it.
    note
        What a reader should know.
    gradients
        For a rival: a function of `layer.Data` that returns (states (T, B, H), gradients by name), which are compared
        with the reference; None for another cell.
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
    """A candidate that is not timed, and why."""

    reason: str


@dataclass(frozen=True)
class Timing:
    """Seconds of a call: median, quartiles, and how many calls were counted."""

    median: float
    low: float
    high: float
    calls: int


def measure(
    candidates: Mapping[str, Candidate],
    seconds: float = 1.0,
    rounds: int = 5,
    tick: Callable[[], object] | None = None,
) -> dict[str, Timing]:
    """Time candidates in turns; `tick` is called after the warm-up and after each round.

    Each runs twice to warm up, as the first call may compile; the second tells how many calls fill its `seconds`.
    """
    expected = {name: _warm(candidate) for name, candidate in candidates.items()}
    samples: dict[str, list[float]] = {name: [] for name in candidates}
    _call(tick)
    for number in range(rounds):
        order = list(candidates) if number % 2 == 0 else list(candidates)[::-1]
        for name in order:
            calls, turns = plan(expected[name], seconds, rounds)
            if number < turns:
                time.sleep(SETTLE if _threads.threads() > 1 else 0)
                samples[name] += block(candidates[name], calls, skip=expected[name] < SLOW)
        _call(tick)
    return {name: summary(found) for name, found in samples.items()}


def plan(expected: float, seconds: float, rounds: int) -> tuple[int, int]:
    """(calls in a block, blocks) for a candidate whose call takes `expected` seconds."""
    fewest = -(-FEWEST // rounds)
    calls = max(fewest, min(MOST, int(seconds / rounds / expected)))
    turns = max(-(-FEWEST // calls), min(rounds, int(seconds / calls / expected)))
    return calls, turns


def block(candidate: Candidate, calls: int, skip: bool) -> list[float]:
    """Seconds of so many calls in a row, after one that is not counted (with `skip`)."""
    return [_once(candidate) for _ in range(calls + skip)][skip:]


def summary(samples: list[float]) -> Timing:
    """Median and quartiles."""
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


def _call(function: Callable[[], object] | None) -> None:
    if function is not None:
        function()
