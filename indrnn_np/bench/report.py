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
NUMERIC = (2, 3, 4, 5, 6, 7, 8)  # columns that stand to the right
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
