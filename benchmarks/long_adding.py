"""The adding problem with T = 20,000 and few columns: an earlier commit, and this one serial and by a scan over time.

    python benchmarks/long_adding.py OLD [--out FILE.json] [--picture FILE.png]

A network learns shorter sequences first (LESSONS). Then three runs train it with T = 20,000, one after the other, with
the same settings and seed, on one thread. The serial forms of both commits make the same updates; the result is the
validation error over time.
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
import numpy as np
from compare import FOLDER, unpack

BATCH, HIDDEN, LAYERS = 1, 16, 2
LESSONS = ((1000, 60_000, 3e-4), (4000, 20_000, 1e-4))  # time steps, iterations, learning rate
STEPS, ITERATIONS, RATE = 20_000, 8000, 5e-5
VALIDATIONS, SEQUENCES = 40, 100


def learn(steps: int, iterations: int, rate: float, start: np.ndarray | None, **form: str) -> dict[str, Any]:
    """Train from the parameters `start`; return the parameters, the validation errors over time, and the test error."""
    import indrnn_np as ir
    from indrnn_np import tasks

    ir.set_threads(1)
    net = ir.plain(2, HIDDEN, 1, LAYERS, steps, seed=0, **form)
    if start is not None:
        net.flat[:] = start
    task = tasks.get("adding", steps=steps, evaluation_size=SEQUENCES)
    every = max(1, iterations // VALIDATIONS)
    fields = {
        "batch": BATCH,
        "clip_norm": 1.0,
        "validate_every": every,
        "checkpoint_every": 0,
        "progress": False,
    }
    schedule = ir.OneCycle(rate, iterations) if start is None else ir.Cosine(rate, iterations)
    optimizer = ir.Adam(rate, lr_of={"u": 0.05})
    result = ir.fit(
        net, task, optimizer, iterations=iterations, evaluation_batch=10, schedule=schedule, **fields
    )
    points = [line for line in result.history if line["kind"] == "validation"]
    columns = (("iterations", "iteration"), ("errors", "mse"), ("seconds", "seconds"))
    curve = {name: [point[key] for point in points] for name, key in columns}
    return {"flat": net.flat.tolist(), "test": result.summary["final"]["test"]["mse"], **curve}


def last_lesson(steps: int, iterations: int, folder: Path, form: str) -> dict[str, Any]:
    """Train from the parameters in a folder; without `form`, in the only form of the earlier commit."""
    start = np.load(folder / "start.npy")
    found = learn(steps, iterations, RATE, start, **({"time": form} if form else {}))
    return {name: value for name, value in found.items() if name != "flat"}


def run(tree: Path, folder: Path, form: str) -> dict[str, Any]:
    """Train at STEPS with the package in `tree`, after a few iterations that compile its kernels."""
    words = [sys.executable, __file__, "--worker", str(folder), "--form", form]
    environment = os.environ | {"PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    for iterations in (2, ITERATIONS):
        done = subprocess.run(
            [*words, "--iterations", str(iterations)],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", metavar="OLD", nargs="?", help="the earlier commit")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--form", help=argparse.SUPPRESS)
    parser.add_argument("--iterations", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker is not None:
        print(json.dumps(last_lesson(STEPS, args.iterations, args.worker, args.form)))
        return
    start, lessons, runs = None, [], []
    for lesson in LESSONS:
        found = learn(*lesson, start)
        start = np.array(found["flat"], np.float32)
        lessons.append(
            dict(zip(("steps", "iterations", "lr"), lesson, strict=True)) | {"test": found["test"]}
        )
        print(f"T = {lesson[0]}: {found['seconds'][-1]:.0f} s, test mse {found['test']:.5f}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        np.save(work / "start.npy", start)
        forms = (
            (f"commit {args.old}, serial", unpack(args.old, work), ""),
            ("serial", FOLDER.parent, "serial"),
            ("scan", FOLDER.parent, "parallel"),
        )
        for title, tree, form in forms:
            runs.append({"form": title} | run(tree, work, form))
            print(f"{title}: {runs[-1]['seconds'][-1]:.0f} s, test mse {runs[-1]['test']:.5f}", flush=True)
    result = {
        "steps": STEPS,
        "batch": BATCH,
        "hidden": HIDDEN,
        "layers": LAYERS,
        "lessons": lessons,
        "runs": runs,
    }
    if args.out is not None:
        text = json.dumps(result | {"machine": machine.describe()}, indent=1)
        args.out.write_text(text + "\n", encoding="utf-8")
    if args.picture is not None:
        from indrnn_np import plots

        plots.long_training(result, args.picture)


if __name__ == "__main__":
    main()
