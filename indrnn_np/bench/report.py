"""Format the results of benchmarks as cells of a table, without numpy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

HEADER = (
    "case", "what", "ms", "quartiles", "calls", "µs per step", "× floor", "GB/s", "of copy", "BLAS and core",
)  # fmt: skip
WORDS = ("case", "op", "rung", "what", "BLAS and core", "faster")  # left-aligned columns
OPTIONAL = ("BLAS and core", "calls", "quartiles")  # columns that a narrow terminal may lack
BELOW_1 = {
    "times_floor": "× floor below 1: faster than the products alone over all time steps at once, because the engine "
    "multiplies chunks of time steps that stay in the cache (docs/benchmarks.md)",
    "times_before": "× rung before below 1: on this machine the rung is slower than the one before it",
}
NOTHING = "-"


def cells(case: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return one tuple for each line of a case, in the order of HEADER; the first names the case."""
    return [
        (
            *_timing(case, number),
            figures(line["us_per_step"]),
            NOTHING if line["times_floor"] is None else f"{line['times_floor']:.2f}",
            NOTHING if line["gb_per_s"] is None else f"{line['gb_per_s']:.1f}",
            NOTHING if line["share_of_copy"] is None else f"{line['share_of_copy']:.0%}",
            line["library"] or NOTHING,
        )
        for number, line in enumerate(case["lines"])
    ]


def _timing(case: Mapping[str, Any], number: int) -> tuple[str, ...]:
    """Return title (of the first line), candidate, time, quartiles and calls of a line."""
    line = case["lines"][number]
    quartiles = f"{figures(line['ms_low'])} to {figures(line['ms_high'])}"
    name = "" if number else title(case)
    return name, line["candidate"], figures(line["ms"]), quartiles, str(line["calls"])


LADDER_HEADER = ("op", "rung", "ms", "quartiles", "calls", "× rung before", "× reference")


def ladder_cells(case: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return one tuple for each rung of an op, in the order of LADDER_HEADER."""
    factors = [(line["times_before"], line["times_reference"]) for line in case["lines"]]
    return [
        (*_timing(case, number), *(NOTHING if factor is None else figures(factor) for factor in pair))
        for number, pair in enumerate(factors)
    ]


def crossover_header(result: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the header of the crossover table."""
    return ("T", "columns", "what", *(f"{name} ms" for name in result["backends"]), "faster")


def crossover_cells(result: Mapping[str, Any], case: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return one tuple for each candidate at a point, in the order of `crossover_header`."""
    rows: list[tuple[str, ...]] = []
    for candidate, times in crossover_times(case).items():
        place = ("", "") if rows else (str(case["T"]), str(case["B"] * case["H"]))
        shown = (figures(times[name]) if name in times else NOTHING for name in result["backends"])
        rows.append((*place, candidate, *shown, faster(times)))
    return rows


def crossover_times(case: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return {candidate: {backend: time in milliseconds}} of a point."""
    times: dict[str, dict[str, float]] = {}
    for line in case["lines"]:
        times.setdefault(line["what"], {})[line["backend"]] = line["ms"]
    return times


CROSSOVER_TIME_HEADER = ("backend", "T", "columns", "what", "serial ms", "scan ms", "faster")


def crossover_time_cells(case: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return one tuple for a point and an activation, in the order of CROSSOVER_TIME_HEADER."""
    times = {line["candidate"]: line["ms"] for line in case["lines"]}
    shown = (figures(times[name]) if name in times else NOTHING for name in ("serial", "parallel"))
    named = {"scan" if name == "parallel" else name: ms for name, ms in times.items()}
    place = (case["backend"], str(case["T"]), str(case["H"]), case["activation"])
    return [(*place, *shown, faster(named) if named else NOTHING)]


def faster(times: Mapping[str, float]) -> str:
    """Return the fastest backend and its lead over the second, such as `cuda 12.3 ×`."""
    first, *others = sorted(times, key=lambda name: times[name])
    return f"{first} {figures(times[others[0]] / times[first])} ×" if others else NOTHING


def title(case: Mapping[str, Any]) -> str:
    """Return name and shape of a case, such as `mnist-layer (784, 32, 128, 128)`; a recurrence has no D."""
    sizes = [case[letter] for letter in "TBDH" if case[letter]]
    more = f", {case['layers']} layers" if case["layers"] > 1 else ""
    return f"{case['name']} ({', '.join(map(str, sizes))}{more})"


def figures(number: float) -> str:
    """Format a number with three significant figures and no exponent: 0.0123, 4.56, 78.9, 1235."""
    if number == 0 or number >= 100:
        return f"{number:.0f}"
    return f"{number:.{2 - math.floor(math.log10(number))}f}"


def remarks(result: Mapping[str, Any]) -> list[str]:
    """Return remarks: wrong candidates, candidates left out with the reason, and notes."""
    texts = []
    for case in result["cases"]:
        name = case["name"]
        texts += [f"{name}: wrong, not timed: {sentence}" for sentence in case["wrong"].values()]
        texts += [f"{name}: {rival} left out: {reason}" for rival, reason in case["left_out"].items()]
        texts += [f"{name}: {case['note']}"] if case["note"] else []
        texts += [f"{name}, {line['candidate']}: {line['note']}" for line in case["lines"] if line["note"]]
    return texts


def explanations(result: Mapping[str, Any]) -> list[str]:
    """Return a line for each kind of ratio that is below 1."""
    lines = [line for case in result["cases"] for line in case["lines"]]
    return [text for name, text in BELOW_1.items() if any((line.get(name) or 1) < 0.995 for line in lines)]


def passed(result: Mapping[str, Any]) -> bool:
    """Return whether at least one candidate was timed and none was wrong."""
    cases = result["cases"]
    return any(case["lines"] for case in cases) and not any(case["wrong"] for case in cases)


def summary(result: Mapping[str, Any]) -> str:
    """Return the line below the table: threads, dtype, BLAS and the number of comparisons."""
    compared = sum(len(case["checks"]) for case in result["cases"])
    timed = sum(len(case["lines"]) for case in result["cases"])
    return (
        f"{result['threads']} thread{'s' if result['threads'] > 1 else ''}, {result['dtype']}, {result['blas']}: "
        f"medians of {timed} candidates, {compared} of them compared with the reference"
    )
