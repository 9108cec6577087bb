"""Print the tables of docs/results.md from the runs under benchmarks/results/.

python benchmarks/report.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
Run = dict[str, Any]


def adding(name: str, run: Run) -> str:
    """Return a row of the adding problem: the error at the end, and when it fell below 0.01 for good."""
    summary = run["summary"]
    curve = [(point["iteration"], point["mse"]) for point in run["points"] if point["kind"] == "validation"]
    above = [iteration for iteration, mse in curve if mse >= 0.01]
    later = [iteration for iteration, _ in curve if not above or iteration > above[-1]]
    return (f"| {name} | {summary['iterations']} | {summary['final']['test']['mse']:.5f} | "
            f"{later[0] if later else 'not'} | {summary['seconds'] / 60:.1f} |")  # fmt: skip


def mnist(name: str, run: Run) -> str:
    """Return rows of sequential MNIST: validation accuracy after each epoch, and the test accuracy."""
    summary = run["summary"]
    rows = [
        f"| {name} | {point['iteration']} | {point['accuracy']:.2%} | {point['seconds'] / 60:.1f} |"
        for point in run["points"]
        if point["kind"] == "validation"
    ]
    test = summary["final"]["test"]["accuracy"]
    return "\n".join(
        [*rows, f"| {name}, test | {summary['iterations']} | {test:.2%} | {summary['seconds'] / 60:.1f} |"]
    )


def main() -> None:
    """Print both tables; a run that was stopped has no row."""
    for task, head, row in (
        ("adding", "test mse at the end | below 0.01 from", adding),
        ("mnist", "accuracy", mnist),
    ):
        print(f"| run | iterations | {head} | minutes |\n|---|---|---|---{'|---' * (task == 'adding')}|")
        runs = json.loads((RESULTS / task / "runs.json").read_text("utf-8"))
        print("\n".join(row(name, run) for name, run in sorted(runs.items()) if run["summary"]) + "\n")


if __name__ == "__main__":
    main()
