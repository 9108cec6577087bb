"""Does training by online gradients reach what BPTT reaches? The adding problem, two layers of 32 units.

    python benchmarks/online_training.py [--out benchmarks/results/online-training.json]
        [--picture docs/images/online-training.png] [--scale 1]
    python benchmarks/online_training.py --dtype float64 --steps 500 --ways exact bptt --out FILE.json

BPTT and the three rules of `ir.online` train from the same weights on the same batches, with an update at the end of
each sequence: T = 100 with seeds 0, 1 and 2, and T = 500 with seed 0. The result is written after each run; a second
call with the same --out skips the runs in it.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import machine

import indrnn_np as ir
from indrnn_np import plots, tasks

RUNS = ((100, 0), (100, 1), (100, 2), (500, 0))  # T and seed
ITERATIONS = {100: 1500, 500: 1500}  # of a run with this T
WAYS = ("bptt", "traces", "depth-only", "exact")
HIDDEN, LAYERS, BATCH, EVERY = 32, 2, 50, 50
LR, LR_OF, CLIP_NORM = 2e-3, {"u": 0.05}, 1.0  # the recipe of docs/results.md for few iterations
SOLVED = 0.01  # mean squared error


def train(way: str, steps: int, seed: int, iterations: int, dtype: str) -> dict[str, Any]:
    """Train one network and return its validation errors and its time."""
    task = tasks.get("adding", steps=steps, seed=seed, dtype=dtype)
    net = ir.plain(2, HIDDEN, 1, LAYERS, steps, seed=seed, dtype=dtype)
    chosen = {"gradients": "bptt"} if way == "bptt" else {"gradients": "online", "rule": way}
    begin = time.perf_counter()
    result = ir.fit(
        net, task, ir.Adam(LR, lr_of=LR_OF), iterations=iterations, batch=BATCH, clip_norm=CLIP_NORM,
        schedule=ir.OneCycle(LR, iterations), validate_every=EVERY, progress=False, **chosen,
    )  # fmt: skip
    seconds = time.perf_counter() - begin
    done, errors = result.curve("mse", "validation")
    above = [i for i, error in zip(done, errors, strict=True) if not error < SOLVED]
    return {
        "way": way, "steps": steps, "seed": seed, "iterations": done, "errors": errors,
        "test": result.summary["final"]["test"]["mse"], "gradients": result.summary["gradients"],
        "solved_from": None if above and above[-1] == done[-1] else (above[-1] if above else 0) + EVERY,
        "seconds": round(seconds, 1),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32", help="(%(default)s)")
    parser.add_argument("--steps", type=int, choices=ITERATIONS, help="only the runs with this T")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, help="ways to train (all)")
    parser.add_argument("--scale", type=float, default=1.0, help="factor of the iterations (%(default)s)")
    args = parser.parse_args()
    ir.set_threads(1)
    about = {"machine": machine.describe(), "hidden": HIDDEN, "layers": LAYERS, "batch": BATCH, "lr": LR,
             "lr_of": LR_OF, "clip_norm": CLIP_NORM, "dtype": args.dtype, "iterations": ITERATIONS,
             "scale": args.scale}  # fmt: skip
    found = (
        json.loads(args.out.read_text(encoding="utf-8")) if args.out and args.out.exists() else {"runs": []}
    )
    runs: list[dict[str, Any]] = found["runs"]
    done = {(run["steps"], run["seed"], run["way"]) for run in runs}
    for steps, seed in RUNS:
        for way in args.ways:
            if (steps, seed, way) in done or args.steps not in (None, steps):
                continue
            run = train(way, steps, seed, max(EVERY, round(args.scale * ITERATIONS[steps])), args.dtype)
            runs.append(run)
            print(f"T {steps}, seed {seed}, {way}: test mse {run['test']:.5f}, below {SOLVED} from "
                  f"{run['solved_from']}, {run['seconds']} s", flush=True)  # fmt: skip
            if args.out:
                args.out.write_text(json.dumps(about | {"runs": runs}, indent=1) + "\n", encoding="utf-8")
    if args.picture:
        plots.online_training({"runs": runs}, args.picture)


if __name__ == "__main__":
    main()
