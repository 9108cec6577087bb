"""Print the tables of docs/results.md and docs/tables.md from the runs under benchmarks/results/.

python benchmarks/report.py
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

from indrnn_np import reproduce
from indrnn_np._sweep import cells
from indrnn_np.reproduce.rows import NEW

RESULTS = Path(__file__).parent / "results"
STATEMENTS = {row.name: row.statement for row in reproduce.catalogue()}
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


def model(entry: Run) -> str:
    """Return the row of a model in docs/tables.md; `entry` is a row of `indrnn reproduce`."""
    metric, statement = entry["metric"], STATEMENTS[entry["row"]]
    runs = [run for run in entry["runs"] if run["ended"]]
    test, validation = (cells.spread(entry["reached"][split], metric) for split in ("test", "validation"))
    columns = (
        entry["row"].split("/")[1], f"{runs[0]['parameters']:,}", f"{runs[0]['iterations']:,}",
        cells.extent([run["minutes"] for run in runs], "{:.1f}".format), len(runs), test, validation or "-",
        "-" if statement.startswith(NEW) else statement,
    )  # fmt: skip
    return f"| {' | '.join(map(str, columns))} |"


def compare() -> dict[str, str]:
    """Return each table of `indrnn reproduce` as text, by its name; rows without a finished run are left out."""
    entries = json.loads((RESULTS / "reproduce" / "table.json").read_text("utf-8"))
    finished = [entry for entry in entries if any(run["ended"] for run in entry["runs"])]
    head = [
        "| model | parameters | iterations | minutes | seeds | test | validation | paper |",
        "|---" * 8 + "|",
    ]
    groups = itertools.groupby(finished, lambda entry: entry["row"].split("/")[0])
    return {name: "\n".join([*head, *map(model, rows)]) for name, rows in groups}


def main() -> None:
    """Print all tables; a run that was stopped has no row."""
    for task, head, form in (
        ("adding", "test mse at the end | below 0.01 from", adding),
        ("mnist", "accuracy", mnist),
    ):
        print(f"| run | iterations | {head} | minutes |\n|---|---|---|---{'|---' * (task == 'adding')}|")
        runs = json.loads((RESULTS / task / "runs.json").read_text("utf-8"))
        print("\n".join(form(name, run) for name, run in sorted(runs.items()) if run["summary"]) + "\n")
    for name, table in compare().items():
        print(f"{name}\n\n{table}\n")


if __name__ == "__main__":
    main()
