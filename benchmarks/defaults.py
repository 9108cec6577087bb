"""Accuracy of `indrnn train uea` and `indrnn train sequences` with their defaults, one command a run.

    python benchmarks/defaults.py --data FOLDER [FOLDER ...] --out benchmarks/results

FOLDER holds problems of the UEA and UCR archives. `sequences` reads the same series from an npz
file, padded, with lengths. The accuracy is that of the test after the last iteration.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import machine
import numpy as np

from indrnn_np import tasks

# Accuracy of a nearest-neighbour classifier (Euclidean distance, dynamic time warping) in percent.
NEAREST = {"ArrowHead": (80.0, 70.3), "BasicMotions": (60.0, 97.5), "GunPoint": (91.3, 90.7),
           "ItalyPowerDemand": (95.5, 95.0)}  # fmt: skip
SEEDS = (0, 1, 2)


def npz(folder: Path, name: str, out: Path) -> Path:
    """Write the series of a problem, as they are, to an npz file."""
    task = tasks.get("uea", data=folder, name=name, standardise=False, dtype="float64")
    arrays = {}
    for split, end in ("train", ""), ("test", "_test"):
        data = task._data[split]
        arrays |= {f"x{end}": data.x, f"y{end}": data.y, f"lengths{end}": data.lengths}
    path = out / f"{name}.npz"
    np.savez(path, **arrays)
    return path


def run(task: str, options: list[str], seed: int, out: Path) -> tuple[float, float]:
    """Train once, and return the test accuracy and the seconds of the run."""
    command = [sys.executable, "-m", "indrnn_np", "train", task, *options, "--seed", str(seed)]
    command += ["--out", str(out), "--json", "--quiet"]
    summary = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return summary["final"]["test"]["accuracy"], summary["seconds"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        for folder in args.data:
            for path in sorted(folder.rglob("*_TRAIN.ts")):
                name, out = path.name.removesuffix("_TRAIN.ts"), Path(temporary)
                ways = {"uea": ["--data", str(path.parent), "--name", name]}
                ways["sequences"] = ["--data", str(npz(path.parent, name, out))]
                for task, options in ways.items():
                    runs = [run(task, options, seed, out / f"{task}-{name}-{seed}") for seed in SEEDS]
                    accuracies, seconds = (
                        [round(float(v), 4) for v in values] for values in zip(*runs, strict=True)
                    )
                    rows.append({"problem": name, "task": task, "mean": round(float(np.mean(accuracies)), 4),
                                 "accuracies": accuracies, "seconds": seconds,
                                 "nearest neighbour": NEAREST.get(name)})  # fmt: skip
                    print(rows[-1], flush=True)
    result = {"command": "python benchmarks/defaults.py", "seeds": SEEDS, "runs": rows, **machine.describe()}
    (args.out / "defaults.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
