"""Words for results: the cells of a table, from the plain values that `run` returned. Loads no numpy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

HEADER = (
    "case",
    "what",
    "ms",
    "quartiles",
    "calls",
    "µs a step",
    "× floor",
    "GB/s",
    "of copy",
    "BLAS and core",
)
WORDS = ("case", "what", "BLAS and core", "faster")  # columns that stand to the left, unlike numbers
NOTHING = "-"


def cells(case: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """One tuple for each line of a case, in the order of HEADER; the case is named in its first."""
    found: list[tuple[str, ...]] = []
    for number, line in enumerate(case["lines"]):
        found.append(
            (
                title(case) if number == 0 else "",
                line["candidate"],
                figures(line["ms"]),
                f"{figures(line['ms_low'])} to {figures(line['ms_high'])}",
                str(line["calls"]),
                figures(line["us_per_step"]),
                NOTHING if line["times_floor"] is None else f"{line['times_floor']:.2f}",
                NOTHING if line["gb_per_s"] is None else f"{line['gb_per_s']:.1f}",
                NOTHING if line["share_of_copy"] is None else f"{line['share_of_copy']:.0%}",
                line["library"] or NOTHING,
            )
        )
    return found


def crossover_header(result: Mapping[str, Any]) -> tuple[str, ...]:
    """The heads of the crossover's table."""
    return ("T", "columns", "what", *(f"{name} ms" for name in result["backends"]), "faster")


def crossover_cells(result: Mapping[str, Any], case: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """One tuple for each thing that was timed at a point, in the order of `crossover_header`."""
    found: list[tuple[str, ...]] = []
    for what, times in crossover_times(case).items():
        place = (str(case["T"]), str(case["B"] * case["H"])) if not found else ("", "")
        shown = (figures(times[name]) if name in times else NOTHING for name in result["backends"])
        found.append((*place, what, *shown, faster(times)))
    return found


def crossover_times(case: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """{what: {backend: milliseconds}} of a point."""
    times: dict[str, dict[str, float]] = {}
    for line in case["lines"]:
        times.setdefault(line["what"], {})[line["backend"]] = line["ms"]
    return times


def faster(times: Mapping[str, float]) -> str:
    """The fastest, and the time of the next one over its own, as `cuda 12.3 ×`."""
    first, *others = sorted(times, key=lambda name: times[name])
    return f"{first} {figures(times[others[0]] / times[first])} ×" if others else NOTHING


def title(case: Mapping[str, Any]) -> str:
    """Name and shape of a case, as `mnist-layer (784, 32, 128, 128)`; a scan has no D."""
    sizes = [case[letter] for letter in "TBDH" if case[letter]]
    more = f", {case['layers']} layers" if case["layers"] > 1 else ""
    return f"{case['name']} ({', '.join(map(str, sizes))}{more})"


def figures(number: float) -> str:
    """Three significant figures, never in powers of ten: 0.0123, 4.56, 78.9, 1235."""
    if number == 0 or number >= 100:
        return f"{number:.0f}"
    return f"{number:.{2 - math.floor(math.log10(number))}f}"


def remarks(result: Mapping[str, Any]) -> list[str]:
    """What is not a number: candidates that were wrong, those left out with the reason, and notes."""
    found = []
    for case in result["cases"]:
        found += [f"{case['name']}: wrong, not timed: {sentence}" for sentence in case["wrong"].values()]
        found += [f"{case['name']}: {name} left out: {reason}" for name, reason in case["left_out"].items()]
        found += [f"{case['name']}: {case['note']}"] if case["note"] else []
        found += [
            f"{case['name']}, {line['candidate']}: {line['note']}" for line in case["lines"] if line["note"]
        ]
    return found


def passed(result: Mapping[str, Any]) -> bool:
    """Whether something was timed and nothing was wrong."""
    return any(case["lines"] for case in result["cases"]) and not any(
        case["wrong"] for case in result["cases"]
    )


def summary(result: Mapping[str, Any]) -> str:
    """One line below the table: threads, BLAS, how much was compared first."""
    compared = sum(len(case["checks"]) for case in result["cases"])
    timed = sum(len(case["lines"]) for case in result["cases"])
    return (
        f"{result['threads']} thread{'s' if result['threads'] > 1 else ''}, {result['dtype']}, {result['blas']}: "
        f"medians of {timed} candidates, {compared} of them compared with the reference first"
    )
