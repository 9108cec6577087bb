"""Check and time cases, and return a dict of plain values for each case, with one line per candidate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from .. import _check
from .._cpu import threads as cpu_threads
from .._cpu.provenance import blas
from .._types import Json
from . import iteration, layer, recurrence
from .agreement import Agreement, WrongResult
from .cases import ITERATION, LAYER, RECURRENCE, Case
from .setup import DTYPE, Setup
from .timing import COPY, FLOOR, ROLES, Candidate, LeftOut, Timing, measure

PREPARE: dict[str, Callable[[Case], Setup]] = {
    LAYER: layer.prepare,
    RECURRENCE: recurrence.prepare,
    ITERATION: iteration.prepare,
}
Provider = Callable[[Case, Any, int], Mapping[str, "Candidate | LeftOut"]]
Rivals = Mapping[str, Provider | str]
Progress = Callable[[str, int, int], None]


def run(
    cases: Iterable[Case],
    threads: int = 0,
    rivals: Rivals | None = None,
    seconds: float = 1.0,
    rounds: int = 5,
    progress: Progress | None = None,
) -> Json:
    """Check and time cases, and return a dict that JSON can hold.

    Parameters
    ----------
    cases : iterable of Case
        Cases from `select`, or your own.
    threads : int
        Threads of kernels, matrix products and rivals; 0: one per core.
    rivals : dict of str to callable or str, optional
        Other implementations by name, for cases of kind "layer": a function (case, data, threads)
        -> {name: Candidate or LeftOut}, or the reason why it is missing.
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
    chosen, conditions = tuple(cases), prepare_machine(threads, seconds, rounds)
    parts = Parts(len(chosen) * (rounds + 2), progress)
    return conditions | {"cases": [run_case(case, rivals or {}, seconds, rounds, parts) for case in chosen]}


def prepare_machine(threads: int, seconds: float, rounds: int) -> Json:
    """Check the options of a benchmark, set the number of threads, and return the conditions of the result."""
    _check.at_least("bench", "seconds", seconds, 0.0, strictly=True)
    _check.at_least("bench", "rounds", rounds, 1)
    if threads:
        cpu_threads.set_threads(threads)
    machine = {"threads": cpu_threads.threads(), "dtype": np.dtype(DTYPE).name, "blas": blas()}
    return machine | {"seconds": seconds, "rounds": rounds}


class Parts:
    """Counter of finished parts that reports progress; a call counts a part."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self.done, self.total, self.progress, self.text = 0, total, progress, ""

    def __call__(self) -> None:
        self.done += 1
        self.begin(self.text)

    def begin(self, text: str) -> None:
        """Report the text of the current part and the number of parts done."""
        self.text = text
        if self.progress is not None:
            self.progress(self.text, self.done, self.total)


def run_case(case: Case, rivals: Rivals, seconds: float, rounds: int, parts: Parts) -> Json:
    """Check a case and its rivals, time the correct candidates, and return the dict of the case."""
    _check.choice("bench", "kind", case.kind, PREPARE)
    start = parts.done
    parts.begin(f"{case.name}: check")
    try:
        setup = PREPARE[case.kind](case)
    except WrongResult as error:
        parts.done = start + rounds + 2
        return described(case, {}, {case.name: str(error)}, {}, [])
    candidates, checks = dict(setup.candidates), dict(setup.agreements)
    wrong, left_out = {}, {}
    for name, offer in _offers(case, setup, rivals, parts):
        if isinstance(offer, LeftOut):
            left_out[name] = offer.reason
            continue
        try:
            if offer.gradients is not None:
                states, gradients = offer.gradients(setup.checked)
                checks[name] = layer.check(f"{case.name}, {name}", setup.checked, states, gradients)
            candidates[name] = offer
        except WrongResult as error:
            wrong[name] = str(error)
    parts.text = f"{case.name}: {len(candidates)} candidates"
    parts()
    timings = measure(candidates, seconds, rounds, parts)
    T = setup.steps or case.T
    result = described(case, checks, wrong, left_out, lines(candidates, timings, T))
    return result | {"T": T, "note": setup.note}


def described(
    case: Case, checks: Mapping[str, Agreement], wrong: Mapping[str, str], left_out: Mapping[str, str],
    lines: list[Json],
) -> Json:  # fmt: skip
    """Return the dict of a case: its settings, comparisons, wrong and missing candidates, and lines."""
    settings = {name: value for name, value in vars(case).items() if name != "level"}
    compared = {name: vars(a) | {"arrays": list(a.arrays)} for name, a in checks.items()}
    remarks = {"note": "", "checks": compared, "wrong": dict(wrong), "left_out": dict(left_out)}
    return settings | remarks | {"lines": lines}


def _offers(
    case: Case, setup: Setup, rivals: Rivals, parts: Parts
) -> Iterator[tuple[str, Candidate | LeftOut]]:
    """Yield the candidates of the rivals by name, or the reasons why they are missing."""
    for rival, provider in rivals.items() if case.kind == LAYER else ():
        if isinstance(provider, str):
            yield rival, LeftOut(provider)
        else:
            parts.begin(f"{case.name}: {rival}")
            yield from provider(case, setup.data, cpu_threads.threads()).items()


def lines(candidates: Mapping[str, Candidate], timings: Mapping[str, Timing], T: int) -> list[Json]:
    """Return a dict for each candidate: its time, and its ratio to the floor or copy rate of this run."""
    floors = [timings[name].median for name, c in candidates.items() if c.role == FLOOR]
    copied = [c.moved / timings[name].median for name, c in candidates.items() if c.role == COPY]
    result = []
    for name, candidate in candidates.items():
        timing = timings[name]
        rate = candidate.moved / timing.median if candidate.moved else None
        result.append({
            "candidate": name, "role": candidate.role, "library": candidate.library, "note": candidate.note,
            "ms": 1e3 * timing.median, "ms_low": 1e3 * timing.low, "ms_high": 1e3 * timing.high,
            "calls": timing.calls, "us_per_step": 1e6 * timing.median / T,
            "times_floor": timing.median / floors[0] if floors else None,
            "moved_bytes": candidate.moved, "allocated_bytes": candidate.allocated,
            "gb_per_s": rate / 1e9 if rate else None,
            "share_of_copy": rate / copied[0] if rate and copied else None,
        })  # fmt: skip
    return sorted(result, key=lambda line: ROLES.index(line["role"]))
