"""Tables and plots from what speed.py measured.

    python benchmarks/speed_report.py [FILE ...]        default: benchmarks/results/speed-*.json

Prints Markdown; beside each file goes a plot of the same name (with matplotlib). `× indrnn_np` is the time over that of
this package's line in the same case and run.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from indrnn_np import plots
from indrnn_np.bench import report
from indrnn_np.bench.cases import RECURRENCE

RESULTS = Path(__file__).parent / "results"
TIMES = ("case", "what", "ms", "quartiles", "µs per step", "× floor", "× indrnn_np", "BLAS and core")
RATES = ("case", "what", "ms", "quartiles", "GB/s", "of copy")


def main() -> None:
    paths = [Path(name) for name in sys.argv[1:]] or sorted(RESULTS.glob("speed-*.json"))
    if not paths:
        raise SystemExit(
            f"speed_report.py: no speed-*.json in {RESULTS}, expected what speed.py writes there"
        )
    for path in paths:
        result = json.loads(path.read_text(encoding="utf-8"))
        print("\n".join(page(result)))
        print(f"\n![{path.stem}]({plots.bench(result, path.with_suffix('.png')).name})\n")


def page(result: dict[str, Any]) -> Iterator[str]:
    """The lines of a result's section."""
    machine = result["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    yield f"## {result['threads']} thread{'s' if result['threads'] > 1 else ''}\n"
    yield f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}, Python {machine['python']}, {versions}, "
    yield f"commit {machine['commit']}, {machine['date']}. {report.summary(result)}."
    scans = [case for case in result["cases"] if case["kind"] == RECURRENCE]
    others = [case for case in result["cases"] if case["kind"] != RECURRENCE]
    for head, cases in ((TIMES, others), (RATES, scans)):
        if cases:
            yield "\n| " + " | ".join(head) + " |\n|" + "---|" * len(head)
            for case in cases:
                yield from rows(case, head)
    yield ""
    yield from (f"- {case['name']}: {case['reason']}." for case in result["cases"])
    yield from (f"- {remark}." for remark in report.remarks(result))


def rows(case: dict[str, Any], head: tuple[str, ...]) -> Iterator[str]:
    """The rows of a case's candidates, in the columns of `head`."""
    own = next((line["ms"] for line in case["lines"] if line["role"] == "engine"), None)
    for line, cells in zip(case["lines"], report.cells(case), strict=True):
        columns = dict(zip(report.HEADER, cells, strict=True))
        columns["× indrnn_np"] = report.NOTHING if own is None else f"{line['ms'] / own:.2f}"
        yield "| " + " | ".join(columns[name] for name in head) + " |"


if __name__ == "__main__":
    main()
