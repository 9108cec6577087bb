"""The tables of docs/results.md, from the files under benchmarks/results/.

python benchmarks/report.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def lines(run: Path, kind: str) -> list[dict[str, Any]]:
    """The lines of one kind in a run's metrics."""
    found = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    return [line for line in found if line["kind"] == kind]


def adding(run: Path) -> str:
    """A row of the adding problem: what it reached at the end, and when it got below 0.01 for good."""
    summary = json.loads((run / "summary.json").read_text("utf-8"))
    curve = [(line["iteration"], line["mse"]) for line in lines(run, "validation")]
    above = [iteration for iteration, mse in curve if mse >= 0.01]
    later = [iteration for iteration, _ in curve if not above or iteration > above[-1]]
    return (f"| {run.name} | {summary['iterations']} | {summary['final']['test']['mse']:.5f} | "
            f"{later[0] if later else 'not'} | {summary['seconds'] / 60:.1f} |")  # fmt: skip


def mnist(run: Path) -> list[str]:
    """Rows of sequential MNIST: validation accuracy after each epoch, and the test accuracy."""
    summary = json.loads((run / "summary.json").read_text("utf-8"))
    rows = [
        f"| {run.name} | {line['iteration']} | {line['accuracy']:.2%} | {line['seconds'] / 60:.1f} |"
        for line in lines(run, "validation")
    ]
    test = summary["final"]["test"]["accuracy"]
    return [
        *rows,
        f"| {run.name}, test | {summary['iterations']} | {test:.2%} | {summary['seconds'] / 60:.1f} |",
    ]


def main() -> None:
    runs = sorted(path for path in RESULTS.iterdir() if (path / "summary.json").is_file())
    print("| run | iterations | test mse at the end | below 0.01 from | minutes |\n|---|---|---|---|---|")
    print("\n".join(adding(run) for run in runs if run.name.startswith("adding")))
    print("\n| run | iterations | accuracy | minutes |\n|---|---|---|---|")
    print("\n".join(row for run in runs if run.name.startswith("mnist") for row in mnist(run)))


if __name__ == "__main__":
    main()
