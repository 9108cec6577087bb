"""Keep training runs as one file an experiment: command, settings, commit, machine, summary and validation points.

    python benchmarks/keep_runs.py add RUNS.json NAME FOLDER --command "indrnn train ..."    a run's folder
    python benchmarks/keep_runs.py draw RUNS.json NAME ...                                   NAME.png beside RUNS.json
    python benchmarks/keep_runs.py reproduce FOLDER RESULTS     the rows of `indrnn reproduce --out FOLDER`

The step-by-step metrics of a run stay where it ran. Its points at the validations, its end and its settings are kept.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import machine

from indrnn_np import _files, plots, reproduce
from indrnn_np.reproduce import table
from indrnn_np.settings import settings
from indrnn_np.training.records import read_metrics, read_summary
from indrnn_np.training.run_directory import RunDirectory

KEPT = ("validation", "final")  # kinds of lines
OF_A_MACHINE = ("data",)  # settings that hold a folder


def described(folder: Path, command: str, about: dict[str, Any]) -> dict[str, Any]:
    """Return what is kept of the run in a folder; `about` is the machine, with the commit."""
    run = RunDirectory(folder)
    used = {name: value for name, value in settings.read(run.config).items() if name not in OF_A_MACHINE}
    about, commit = dict(about), about.get("commit")
    about.pop("commit", None)
    points = [line for line in read_metrics(run.metrics) if line["kind"] in KEPT]
    summary = read_summary(run.summary) if run.summary.is_file() else None  # None: the run was stopped
    return {
        "command": command, "commit": commit, "settings": used, "machine": about, "summary": summary, "points": points,
    }  # fmt: skip


def load(path: Path) -> dict[str, Any]:
    """Return the kept runs of an experiment by name."""
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}


def write(path: Path, runs: dict[str, Any]) -> None:
    """Write the runs of an experiment, one point a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    for name, run in sorted(runs.items()):
        entry = {key: value for key, value in run.items() if key != "points"}
        points = ",\n  ".join(json.dumps(point) for point in run["points"])
        lines.append(f'{json.dumps(name)}: {json.dumps(entry)[:-1]}, "points": [\n  {points}\n]}}')
    _files.replace_text("keep_runs", path, "{\n" + ",\n".join(lines) + "\n}\n")


def draw(path: Path, name: str) -> Path:
    """Draw the curve of a kept run into NAME.png beside the file."""
    run = load(path)[name]
    return plots.style.save(plots.curves.figure(run["points"], run["summary"]), path.parent / f"{name}.png")


def keep_rows(folder: Path, results: Path) -> None:
    """Merge the rows in a folder of `indrnn reproduce` into table.json of the results; make table.md and TABLE.png."""
    path, commit = results / "table.json", machine.commit()
    found = table.collect(reproduce.catalogue(), folder)
    for entry in found:
        entry["runs"] = [run | {"commit": commit} for run in entry["runs"]]
    kept = {(entry["row"], entry["form"]): entry for entry in load(path) or []}
    kept |= {(entry["row"], entry["form"]): entry for entry in found}
    order = [row.name for row in reproduce.catalogue()]
    entries = sorted(kept.values(), key=lambda entry: order.index(entry["row"]))
    table.write(entries, results)
    plots.reproduction(entries, results)


def main(argv: Sequence[str] | None = None) -> int:
    """Add a run to its experiment's file, or draw curves from it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    actions = parser.add_subparsers(dest="action", required=True)
    adding = actions.add_parser("add", help="keep the run in a folder")
    adding.add_argument("runs", type=Path)
    adding.add_argument("name")
    adding.add_argument("folder", type=Path)
    adding.add_argument("--command", required=True, help="the command that made the run")
    drawing = actions.add_parser("draw", help="draw learning curves")
    drawing.add_argument("runs", type=Path)
    drawing.add_argument("names", nargs="+")
    rows = actions.add_parser("reproduce", help="keep the rows of a folder of `indrnn reproduce`")
    rows.add_argument("folder", type=Path)
    rows.add_argument("results", type=Path)
    args = parser.parse_args(argv)
    if args.action == "reproduce":
        keep_rows(args.folder, args.results)
    elif args.action == "add":
        run = described(args.folder, args.command, machine.describe())
        write(args.runs, load(args.runs) | {args.name: run})
    else:
        for name in args.names:
            print(draw(args.runs, name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
