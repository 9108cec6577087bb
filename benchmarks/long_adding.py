"""The adding problem with T = 20,000 and few columns: an earlier commit, and this one serial and by a scan over time.

    python benchmarks/long_adding.py OLD [--iterations 60000] [--out FILE.json] [--picture FILE.png]

Three runs of `indrnn train adding` with the same settings and seed, one after the other, on one thread. The serial
forms of both commits make the same updates; the result is the validation error over time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import machine
from compare import FOLDER, unpack

STEPS, BATCH, HIDDEN, LAYERS = 20_000, 1, 16, 2
RECIPE = ("--lr", "1e-3", "--lr-u", "0.05", "--schedule", "cosine", "--clip-norm", "1")
SIZES = ("--steps", str(STEPS), "--batch", str(BATCH), "--hidden", str(HIDDEN), "--layers", str(LAYERS))
EVALUATION = ("--evaluation-size", "50", "--evaluation-batch", "10", "--checkpoint-every", "0")


def train(tree: Path, folder: Path, iterations: int, every: int, *options: str) -> dict[str, Any]:
    """Train with the package in `tree`, and return the validation errors over iterations and seconds."""
    length = ("--iterations", str(iterations), "--validate-every", str(every))
    command = [
        sys.executable,
        "-m",
        "indrnn_np",
        "train",
        "adding",
        *SIZES,
        *RECIPE,
        *EVALUATION,
        *length,
        *options,
    ]
    environment = os.environ | {"PYTHONPATH": str(tree)}
    folder.mkdir()  # where the command runs: Python would take a package in the folder of this process first
    for run, shortened in (
        ("warm-up", [*command, "--iterations", "2", "--validate-every", "2"]),
        ("run", command),
    ):
        words = [*shortened, "--threads", "1", "--seed", "0", "--quiet", "--out", str(folder / run)]
        subprocess.run(words, env=environment, cwd=folder, check=True, capture_output=True)
    lines = [json.loads(line) for line in (folder / "run" / "metrics.jsonl").read_text("utf-8").splitlines()]
    points = [line for line in lines if line["kind"] == "validation"]
    test = json.loads((folder / "run" / "summary.json").read_text("utf-8"))["final"]["test"]["mse"]
    columns = {name: [point[key] for point in points] for name, key in
               (("iterations", "iteration"), ("errors", "mse"), ("seconds", "seconds"))}  # fmt: skip
    return columns | {"test": test}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", metavar="OLD", help="the earlier commit")
    parser.add_argument("--iterations", type=int, default=60_000)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--picture", type=Path)
    args = parser.parse_args()
    runs = []
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        forms = (
            (f"commit {args.old}, serial", unpack(args.old, work), ()),
            ("serial", FOLDER.parent, ("--time", "serial")),
            ("scan", FOLDER.parent, ("--time", "parallel")),
        )
        for form, tree, options in forms:
            folder = work / form.replace(" ", "-")
            runs.append(
                {"form": form} | train(tree, folder, args.iterations, max(1, args.iterations // 60), *options)
            )
            print(f"{form}: {runs[-1]['seconds'][-1]:.0f} s, test mse {runs[-1]['test']:.5f}", flush=True)
    result = {"steps": STEPS, "batch": BATCH, "hidden": HIDDEN, "layers": LAYERS, "runs": runs}
    if args.out is not None:
        args.out.write_text(
            json.dumps(result | {"machine": machine.describe()}, indent=1) + "\n", encoding="utf-8"
        )
    if args.picture is not None:
        from indrnn_np import plots

        plots.long_training(result, args.picture)


if __name__ == "__main__":
    main()
