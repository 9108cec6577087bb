"""Check and time cases, and return a dict of plain values for each case, with one line per candidate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .. import _check
from .._cpu import threads as cpu_threads
from .._cpu.provenance import blas
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


def run_cases(
    cases: tuple[Case, ...],
    threads: int,
    rivals: Mapping[str, Provider | str],
    seconds: float,
    rounds: int,
    progress: Callable[[str, int, int], None] | None,
) -> dict[str, Any]:
    """Run `bench.run`."""
    conditions = prepare_machine(threads, seconds, rounds)
    parts = Parts(len(cases) * (rounds + 2), progress)
    return conditions | {"cases": [run_case(case, rivals, seconds, rounds, parts) for case in cases]}


def prepare_machine(threads: int, seconds: float, rounds: int) -> dict[str, Any]:
    """Check the options of a benchmark, set the number of threads, and return the conditions of the result."""
    _check.at_least("bench", "seconds", seconds, 0.0, strictly=True)
    _check.at_least("bench", "rounds", rounds, 1)
    if threads:
        cpu_threads.set_threads(threads)
    return {
        "threads": cpu_threads.threads(), "dtype": np.dtype(DTYPE).name, "blas": blas(), "seconds": seconds,
        "rounds": rounds,
    }  # fmt: skip


class Parts:
    """Counter of finished parts that reports progress; a call counts a part."""

    def __init__(self, total: int, progress: Callable[[str, int, int], None] | None) -> None:
        self.done, self.total, self.progress, self.text = 0, total, progress, ""

    def __call__(self) -> None:
        self.done += 1
        self.begin(self.text)

    def begin(self, text: str) -> None:
        """Report the text of the current part and the number of parts done."""
        self.text = text
        if self.progress is not None:
            self.progress(self.text, self.done, self.total)


def run_case(
    case: Case, rivals: Mapping[str, Provider | str], seconds: float, rounds: int, parts: Parts
) -> dict[str, Any]:
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
    offered, wrong, left_out = _offers(case, setup, rivals, parts)
    candidates |= {name: candidate for name, (candidate, _) in offered.items()}
    checks |= {name: agreement for name, (_, agreement) in offered.items() if agreement is not None}
    parts.text = f"{case.name}: {len(candidates)} candidates"
    parts()
    timings = measure(candidates, seconds, rounds, parts)
    T = setup.steps or case.T
    result = described(case, checks, wrong, left_out, lines(candidates, timings, T))
    return result | {"T": T, "note": setup.note}


def described(
    case: Case, checks: Mapping[str, Agreement], wrong: Mapping[str, str], left_out: Mapping[str, str],
    lines: list[dict[str, Any]],
) -> dict[str, Any]:  # fmt: skip
    """Return the dict of a case: its settings, comparisons, wrong and missing candidates, and lines."""
    compared = {
        name: vars(agreement) | {"arrays": list(agreement.arrays)} for name, agreement in checks.items()
    }
    return {
        "name": case.name, "kind": case.kind, "T": case.T, "B": case.B, "D": case.D, "H": case.H,
        "activation": case.activation, "layers": case.layers, "batchnorm": case.batchnorm, "dropout": case.dropout,
        "reason": case.reason, "note": "", "checks": compared, "wrong": dict(wrong), "left_out": dict(left_out),
        "lines": lines,
    }  # fmt: skip


def _offers(
    case: Case, setup: Setup, rivals: Mapping[str, Provider | str], parts: Parts
) -> tuple[dict[str, tuple[Candidate, Agreement | None]], dict[str, str], dict[str, str]]:
    """Return correct rivals with their comparisons, wrong rivals, and rivals left out with the reason."""
    offered: dict[str, tuple[Candidate, Agreement | None]] = {}
    wrong: dict[str, str] = {}
    left_out: dict[str, str] = {}
    for rival, provider in rivals.items() if case.kind == LAYER else ():
        if isinstance(provider, str):
            left_out[rival] = provider
            continue
        parts.begin(f"{case.name}: {rival}")
        for name, offer in provider(case, setup.data, cpu_threads.threads()).items():
            if isinstance(offer, LeftOut):
                left_out[name] = offer.reason
                continue
            try:
                agreement = _agreement(f"{case.name}, {name}", offer, setup.checked)
            except WrongResult as error:
                wrong[name] = str(error)
            else:
                offered[name] = offer, agreement
    return offered, wrong, left_out


def _agreement(where: str, candidate: Candidate, data: layer.Data) -> Agreement | None:
    """Compare states and gradients of a rival with the reference; return None for another cell."""
    if candidate.gradients is None:
        return None
    states, gradients = candidate.gradients(data)
    return layer.check(where, data, states, gradients)


def lines(candidates: Mapping[str, Candidate], timings: Mapping[str, Timing], T: int) -> list[dict[str, Any]]:
    """Return a dict for each candidate: its time, and its ratio to the floor or copy rate of this run."""
    floor = _median(candidates, timings, FLOOR)
    copied = [c.moved / timings[name].median for name, c in candidates.items() if c.role == COPY]
    result = []
    for name, candidate in candidates.items():
        timing = timings[name]
        rate = candidate.moved / timing.median if candidate.moved else None
        result.append({
            "candidate": name, "role": candidate.role, "library": candidate.library, "note": candidate.note,
            "ms": 1e3 * timing.median, "ms_low": 1e3 * timing.low, "ms_high": 1e3 * timing.high,
            "calls": timing.calls, "us_per_step": 1e6 * timing.median / T,
            "times_floor": timing.median / floor if floor else None,
            "moved_bytes": candidate.moved, "allocated_bytes": candidate.allocated,
            "gb_per_s": rate / 1e9 if rate else None,
            "share_of_copy": rate / copied[0] if rate and copied else None,
        })  # fmt: skip
    return sorted(result, key=lambda line: ROLES.index(line["role"]))


def _median(candidates: Mapping[str, Candidate], timings: Mapping[str, Timing], role: str) -> float | None:
    """Return the median time in seconds of the first candidate with a role, or None."""
    return next((timings[name].median for name, c in candidates.items() if c.role == role), None)
