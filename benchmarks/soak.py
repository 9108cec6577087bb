"""Train, resume, evaluate, save, load, stream and sample in a loop: memory, open files and threads must stay flat.

    python benchmarks/soak.py [--minutes 60] [--out benchmarks/results/soak.md]

Everything runs in one process. Every few seconds, after a garbage collection, the process counts its resident memory,
open files, threads, and the files in its temporary folder. The verdict compares the first and the last sample of the
second half of the run: the counts must be equal, and resident memory may grow by 1 % or 1 MiB, whichever is larger.
Memory that the allocator takes in a step, early or late in the first half, is no leak: it settles. A leak grows in
every half. A slope fitted to the whole run cannot tell the two apart. Exit code 1 if something grew. Linux.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import machine
import memory
import numpy as np
from rich.console import Console
from rich.progress import Progress

import indrnn_np as ir

T, SAMPLES, SYMBOLS = 20, 16, 12
COUNTS = ("open files", "threads", "temporary files")
SHARE, BYTES = 0.01, 2**20  # growth of the resident memory that is allowed, whichever is larger
SAMPLED = 300  # samples of a run, at most one in a loop
POINTS = 20  # of the curve that is kept
EVERY = 20  # loops between two study instruments


def loop(folder: Path, number: int) -> None:
    """Do what users do, once, with files in `folder`, which is empty before and after."""
    rng = np.random.default_rng(number)
    x, y = rng.random((T, SAMPLES, 2), np.float32), rng.random((SAMPLES, 1), np.float32)
    make = lambda: ir.plain(2, 8, 1, 2, T, batchnorm=True, seed=number)  # noqa: E731
    quiet: dict[str, Any] = {"batch": 8, "progress": False, "out": folder / "run"}
    net = make()
    plan = ir.Plan(iterations=3, validate_every=1)
    ir.fit(net, (x, y), ir.Adam(1e-3), plan=plan, validation=0.25, **quiet)
    ir.fit(
        net, (x, y), ir.Adam(1e-3), plan=plan, iterations=6, validation=0.25, resume=folder / "run", **quiet
    )
    ir.save(folder / "net.npz", net)
    loaded = ir.load(folder / "net.npz").net
    assert np.array_equal(loaded(x), net(x))
    state = None
    for x_t in x:
        _, state = loaded.step(x_t, state)
    language = ir.plain(SYMBOLS, 8, SYMBOLS, 1, T, output="every", embedding=4, seed=number)
    list(ir.sample(language, [1, 2], 10, seed=number))
    if number % EVERY == 0:
        ir.study.gradient_flow(net, x, y)
        ir.gradcheck(net, x, y, loss="mse")
    shutil.rmtree(folder / "run")
    (folder / "net.npz").unlink()


def sample(folder: Path) -> dict[str, int]:
    """Count what the process holds."""
    gc.collect()
    return {
        "resident bytes": memory.resident("VmRSS"),
        "open files": len(os.listdir("/proc/self/fd")),
        "threads": len(os.listdir("/proc/self/task")),
        "temporary files": sum(len(files) + len(folders) for _, folders, files in os.walk(folder)),
    }


def soak(
    work: Callable[[int], None], count: Callable[[], dict[str, int]], seconds: float
) -> list[dict[str, int]]:
    """Call work(0), work(1), ... for so long, thrice at least; return samples with the number of loops before each."""
    samples, number, begin = [], 0, time.monotonic()
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("loops", total=seconds)
        while (elapsed := time.monotonic() - begin) < seconds or len(samples) < 3:
            work(number)
            number += 1
            if elapsed >= len(samples) * seconds / SAMPLED:
                samples.append({"loops": number, **count()})
            bar.update(task, completed=elapsed, description=f"{number} loops")
    return samples


def second_half(samples: Sequence[dict[str, int]]) -> tuple[dict[str, int], dict[str, int]]:
    """Return the first and the last sample of the second half of a run."""
    return samples[len(samples) // 2], samples[-1]


def allowed(first: dict[str, int]) -> dict[str, float]:
    """Return how much each number may grow after a sample."""
    return {"resident bytes": max(BYTES, SHARE * first["resident bytes"]), **dict.fromkeys(COUNTS, 0)}


def grown(samples: Sequence[dict[str, int]]) -> list[str]:
    """Return the names of the numbers that grew by more than is allowed."""
    first, last = second_half(samples)
    return [name for name, most in allowed(first).items() if last[name] - first[name] > most]


def page(samples: Sequence[dict[str, int]], minutes: float) -> str:
    """Return the Markdown summary with a few points of the curve."""
    about = machine.describe()
    chosen = sorted({round(i) for i in np.linspace(0, len(samples) - 1, POINTS)})
    names, (first, last) = list(samples[0]), second_half(samples)
    return "\n".join([
        f"# {samples[-1]['loops']} loops of training, resuming, evaluating, saving and loading\n",
        f"{about['cpu']}, {about['system']}, Python {about['python']}, commit {about['commit']}, {about['date']}, "
        f"{minutes:g} minutes in one process: `python benchmarks/soak.py --minutes {minutes:g}`.\n",
        f"First and last sample of the second half, loops {first['loops']} and {last['loops']}:\n",
        *(f"- {name}: {first[name]} and {last[name]}, growth {last[name] - first[name]}, at most {most:.0f} allowed"
          for name, most in allowed(first).items()),
        f"\nVerdict: {', '.join(grown(samples)) + ' grew' if grown(samples) else 'flat'}.\n",
        "| " + " | ".join(names) + " |", "|" + "---|" * len(names),
        *("| " + " | ".join(str(samples[i][name]) for name in names) + " |" for i in chosen), "",
    ])  # fmt: skip


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60.0, help="(default: 60)")
    parser.add_argument("--out", type=Path, metavar="FILE.md", help="also write the summary and FILE.json")
    args = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as name:
        tempfile.tempdir = name  # whatever the package leaves in the system's folder is seen here
        folder = Path(name)
        samples = soak(lambda number: loop(folder, number), lambda: sample(folder), 60 * args.minutes)
        tempfile.tempdir = None
    text = page(samples, args.minutes)
    print(text)
    if args.out is not None:
        args.out.write_text(text, encoding="utf-8")
        found = {"samples": samples, "grown": grown(samples), "machine": machine.describe()}
        args.out.with_suffix(".json").write_text(json.dumps(found) + "\n", encoding="utf-8")
    return 1 if grown(samples) else 0


if __name__ == "__main__":
    sys.exit(main())
