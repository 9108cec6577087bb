"""Speed and memory of a word model, with the read-out in blocks of rows and with an array of all scores.

    python benchmarks/words.py [--words K] [--hidden H] [--threads N] [--rounds R] [--out FILE.json]

The text has K words, drawn by Zipf's law from a seed. Each run is `indrnn train words --layers 2`
in its own process; the two forms take turns, and the best of all rounds counts. The memory is the
growth of the largest resident size from the imported package on. Linux.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import machine
import numpy as np
from memory import resident

from indrnn_np import study
from indrnn_np._cpu import environment
from indrnn_np.commands.cli import main as indrnn
from indrnn_np.training import metrics, readout_blocks

BLOCKS, ARRAY = FORMS = ("blocks", "one array")
NEVER = 2**62  # scores from which blocks are used, for the other form
ITERATIONS, LOG_EVERY = 16, 2


def write_text(folder: Path, words: int) -> None:
    """Write ptb.train.txt, ptb.valid.txt and ptb.test.txt; each word occurs in the training text."""
    rng = np.random.default_rng(0)
    p = 1 / np.arange(1, words)  # `<eos>` is the last word
    for split, length in ("train", 40 * words), ("valid", 2 * words), ("test", 2 * words):
        ids = rng.choice(words - 1, length, p=p / p.sum())
        ids = rng.permutation(np.concatenate([np.arange(words - 1), ids]) if split == "train" else ids)
        lines = (" ".join(f"w{i}" for i in line) for line in np.array_split(ids, length // 20))
        (folder / f"ptb.{split}.txt").write_text("".join(f" {line} \n" for line in lines))


def measure(form: str, folder: Path, args: argparse.Namespace) -> dict[str, float]:
    """Train and evaluate in this process; return symbols per second and bytes."""
    if form == ARRAY:
        readout_blocks.LARGE = NEVER
    before = resident("VmRSS")
    with tempfile.TemporaryDirectory() as out:
        run = Path(out) / "run"
        indrnn(["train", "words", "--data", str(folder), "--layers", "2", "--hidden", str(args.hidden),
                "--embedding", str(args.hidden), "--steps", str(args.steps), "--batch", str(args.batch),
                "--iterations", str(ITERATIONS), "--log-every", str(LOG_EVERY), "--validate-every", "0",
                "--threads", str(args.threads), "--out", str(run), "--quiet"])  # fmt: skip
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        rates = [line["steps_per_second"] for line in lines if "steps_per_second" in line]
        subject = study.from_run(run)
    batches, seconds = list(subject.task.evaluation("validation", 100)), []
    for _ in range(3):
        start = time.perf_counter()
        metrics.evaluate(subject.net, batches, subject.task.loss, subject.task.metric)
        seconds.append(time.perf_counter() - start)
    return {
        "training": max(rates[1:]),  # the first one compiles
        "evaluation": sum(batch.steps for batch in batches) / min(seconds),
        "bytes": resident("VmHWM") - before,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sizes = {"words": 10_000, "hidden": 256, "steps": 100, "batch": 32, "threads": 2, "rounds": 3}
    for name, default in sizes.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--form", choices=FORMS, help="measure this form, in this process")
    parser.add_argument("--data", type=Path, help="folder of the text; by default a new one")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if args.form:
        print(json.dumps(measure(args.form, args.data, args)))
        return
    environment.configure(loaded=())  # for the children, which load numpy anew
    rounds: dict[str, list[dict[str, float]]] = {form: [] for form in FORMS}
    with tempfile.TemporaryDirectory() as folder:
        write_text(Path(folder), args.words)
        options = [f"--{name}={getattr(args, name)}" for name in sizes] + [f"--data={folder}"]
        for _ in range(args.rounds):
            for form in FORMS:
                command = [sys.executable, __file__, *options, f"--form={form}"]
                result = subprocess.run(command, capture_output=True, text=True, check=True)
                rounds[form].append(json.loads(result.stdout.splitlines()[-1]))
    best: dict[str, dict[str, Any]] = {
        form: {
            "training, symbols/s": round(max(row["training"] for row in rows)),
            "evaluation, symbols/s": round(max(row["evaluation"] for row in rows)),
            "bytes": min(row["bytes"] for row in rows), "rounds": rows,
        }
        for form, rows in rounds.items()
    }  # fmt: skip
    for form, row in best.items():
        print(f"{form:10s} {row['training, symbols/s']:6d} symbols/s in training, "
              f"{row['evaluation, symbols/s']:6d} in evaluation, {row['bytes'] / 2**20:6.0f} MiB")  # fmt: skip
    if args.out is not None:
        command = " ".join(["python benchmarks/words.py", *sys.argv[1:]])
        result = {"command": command} | {name: getattr(args, name) for name in sizes} | best
        args.out.write_text(json.dumps(result | {"machine": machine.describe()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
