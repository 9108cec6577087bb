"""Compare the speed of two commits: processes of both take turns, and ratios of neighbouring processes are judged.

    python benchmarks/compare.py COMMIT COMMIT [--cases NAME ...] [--threads 1 2] [--pairs 15] [--out FILE.md]

Each commit is unpacked into a folder of its own, with a kernel cache of its own that is filled
first. Then A and B run in pairs, each pair in a random order; a process times each case with a
warm-up and takes the median of its repeats. The result of a case is the median of the ratios B / A,
with its 95 % interval by order statistics (the interval of the sign test, which assumes no
distribution). A target is reached where the whole interval lies at or below it, and missed where the
whole interval lies above it; otherwise more pairs must decide. With --check the exit code is 1 unless
all targets are reached. `--work FOLDER` keeps the unpacked commits and their kernels for the next call.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import random
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import compare_cases
from rich.console import Console
from rich.progress import Progress

FOLDER = Path(__file__).parent
TRAIN = "train adding --steps 10 --hidden 8 --batch 4 --iterations 1 --seed 1 --threads {threads} --out {out}"
PROCESSES = {  # name: arguments of Python; the whole process is timed
    "import": ["-c", "import indrnn_np; indrnn_np.plain, indrnn_np.fit"],
    "start-up": ["-m", "indrnn_np", *TRAIN.split()],
}
REPEATS = 3  # of such a process in each turn
CASES = (*compare_cases.CASES, *PROCESSES)
DEFAULT = tuple(name for name in CASES if name not in compare_cases.ON_REQUEST)
RATIO = 1.02  # target of the median ratio: 2 % is about what 15 pairs can tell apart
TARGETS = {
    "step": (1.05, 1e-6)
}  # ratio, or seconds that B takes longer: a step is mostly Python, whose time varies
LEAST_PAIRS = 6  # for fewer, not even the span of all ratios is a 95 % interval
HEADER = (
    "| threads | case | A | B | median B / A | 95 % interval | target | |\n|---|---|---|---|---|---|---|---|"
)


def interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """Return the shortest symmetric order-statistic interval that holds the median with that probability.

    The k-th smallest and k-th largest of n values enclose the median with probability 1 - 2 P(Binomial(n, 1/2) < k).
    With fewer than `LEAST_PAIRS` values the interval is all that there is: from the smallest to the largest.
    """
    n, ordered = len(values), sorted(values)
    below, k = 0.0, 0  # P(Binomial(n, 1/2) < k)
    while 2 * (below + math.comb(n, k) / 2**n) <= 1 - confidence:
        below += math.comb(n, k) / 2**n
        k += 1
    k = max(k, 1)
    return ordered[k - 1], ordered[n - k]


def judge(name: str, a: Sequence[float], b: Sequence[float]) -> dict[str, Any]:
    """Return a case's medians, its ratio with the interval, and whether its target is reached, missed or open."""
    target, seconds = TARGETS.get(name, (RATIO, 0.0))
    ratios = [y / x for x, y in zip(a, b, strict=True)]
    low, high = interval(ratios)
    least, most = interval([y - x for x, y in zip(a, b, strict=True)])
    enough = len(ratios) >= LEAST_PAIRS
    reached = enough and (high <= target or most <= seconds)
    missed = enough and low > target and least > seconds
    return {
        "a": statistics.median(a), "b": statistics.median(b), "ratio": statistics.median(ratios),
        "low": low, "high": high, "target": target, "target_seconds": seconds,
        "verdict": "reached" if reached else "missed" if missed else "open",
    }  # fmt: skip


def row(threads: int, name: str, found: dict[str, Any]) -> str:
    """Return a case's row of the table."""
    target = f"{found['target']:.2f}"
    if found["target_seconds"]:
        target += f" or {found['target_seconds'] * 1e6:g} µs"
    return (
        f"| {threads} | {name} | {duration(found['a'])} | {duration(found['b'])} | {found['ratio']:.3f} | "
        f"{found['low']:.3f} to {found['high']:.3f} | {target} | {found['verdict']} |"
    )


def duration(seconds: float) -> str:
    """Return a time with its unit."""
    for unit, factor in (("s", 1.0), ("ms", 1e3)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def unpack(commit: str, folder: Path) -> Path:
    """Unpack a commit into a folder named after it, unless it is there; return that folder."""
    git = ["git", "-C", str(FOLDER)]
    done = subprocess.run(
        [*git, "rev-parse", "--verify", f"{commit}^{{commit}}"], capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"compare.py: COMMIT is {commit!r}, expected a commit of this repository")
    tree = folder / done.stdout.strip()[:12]
    if not tree.is_dir():
        top = subprocess.run(
            [*git, "rev-parse", "--show-toplevel"], capture_output=True, text=True, check=True
        )
        archive = ["git", "-C", top.stdout.strip(), "archive", done.stdout.strip(), "indrnn_np"]
        data = subprocess.run(archive, capture_output=True, check=True).stdout
        with tarfile.open(fileobj=BytesIO(data)) as file:
            file.extractall(tree, filter="data")
    return tree


class Runner:
    """Times cases with the package of one commit, in fresh processes."""

    def __init__(self, tree: Path, args: argparse.Namespace) -> None:
        self.tree, self.args = tree, args
        self.environment = os.environ | {"PYTHONPATH": str(tree), "INDRNN_CACHE_DIR": str(tree / "cache")}
        # Installed packages have bytecode. Without it, an import would time Python's compiler.
        self.environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def times(self, threads: int, seconds: float, repeats: int) -> dict[str, float]:
        """Return the seconds of every case."""
        inside = [name for name in self.args.cases if name not in PROCESSES]
        order = {
            "cases": inside,
            "threads": threads,
            "seconds": seconds,
            "package": str(self.tree / "indrnn_np"),
        }
        found: dict[str, float] = {}
        if inside:
            found = json.loads(self._run([str(FOLDER / "compare_cases.py"), json.dumps(order)], threads))
        for name in (name for name in self.args.cases if name in PROCESSES):
            samples = []
            for _ in range(repeats):
                with tempfile.TemporaryDirectory() as out:
                    command = [word.format(threads=threads, out=f"{out}/run") for word in PROCESSES[name]]
                    start = time.perf_counter()
                    self._run(command, threads)
                    samples.append(time.perf_counter() - start)
            found[name] = statistics.median(samples)
        return found

    def _run(self, command: list[str], threads: int) -> str:
        environment = self.environment | dict.fromkeys(
            ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), str(threads)
        )
        done = subprocess.run(
            [sys.executable, *command], env=environment, cwd=self.tree, capture_output=True, text=True
        )
        if done.returncode:
            raise SystemExit(f"compare.py: {self.tree.name} failed at {' '.join(command)}:\n{done.stderr}")
        return done.stdout


def measure(args: argparse.Namespace, runners: Sequence[Runner]) -> dict[int, list[list[dict[str, float]]]]:
    """Fill both kernel caches, then time pairs in random order; return by threads the pairs (times of A, of B)."""
    found: dict[int, list[list[dict[str, float]]]] = {threads: [] for threads in args.threads}
    chance = random.Random(args.seed)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("compile", total=2 * len(args.threads) * (1 + args.pairs))
        for runner in runners:
            for threads in args.threads:
                runner.times(threads, 0.0, 1)
                bar.advance(task)
        for number in range(args.pairs):
            for threads in args.threads:
                bar.update(task, description=f"pair {number + 1} of {args.pairs}, {threads} threads")
                pair: list[dict[str, float]] = [{}, {}]
                for which in chance.sample((0, 1), 2):
                    pair[which] = runners[which].times(threads, args.seconds, args.repeats)
                    bar.advance(task)
                found[threads].append(pair)
    return found


def page(args: argparse.Namespace, trees: Sequence[Path], rows: Sequence[str]) -> str:
    """Return the Markdown summary."""
    import machine

    about = machine.describe()
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    few = (
        ""
        if args.pairs >= LEAST_PAIRS
        else f" Of {args.pairs} pairs the interval is the span of all, not 95 %."
    )
    return "\n".join([
        f"# Speed of {trees[1].name} (B) compared with {trees[0].name} (A)\n",
        f"{about['cpu']}, {about['cores']} cores, {about['system']}, Python {about['python']}, {versions}, "
        f"{about['date']}. {args.pairs} pairs of processes, seed {args.seed}.{few}\n",
        f"`python benchmarks/compare.py {trees[0].name} {trees[1].name} --cases {' '.join(args.cases)} --threads "
        f"{' '.join(map(str, args.threads))} --pairs {args.pairs} --seed {args.seed}`\n",
        HEADER, *rows, "",
    ])  # fmt: skip


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("commits", nargs=2, metavar="COMMIT")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(DEFAULT), metavar="NAME",
                        help=f"of {', '.join(CASES)} (default: {', '.join(DEFAULT)})")  # fmt: skip
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2], metavar="N", help="(default: 1 2)")
    parser.add_argument("--pairs", type=int, default=15, help="of processes (default: 15)")
    parser.add_argument("--seed", type=int, help="of the order within the pairs (default: random, printed)")
    parser.add_argument("--quick", action="store_true", help="a trial: 2 pairs and short repeats")
    parser.add_argument("--work", type=Path, metavar="FOLDER", help="keep unpacked commits and kernels here")
    parser.add_argument("--out", type=Path, metavar="FILE.md", help="also write the summary and FILE.json")
    parser.add_argument("--check", action="store_true", help="exit code 1 unless every target is reached")
    args = parser.parse_args(words)
    if args.pairs < 1 or min(args.threads) < 1:
        parser.error("--pairs and --threads take numbers from 1 on")
    args.seconds, args.repeats = (0.05, 1) if args.quick else (0.5, REPEATS)
    args.pairs = 2 if args.quick else args.pairs
    args.seed = random.randrange(10**6) if args.seed is None else args.seed
    return args


@contextlib.contextmanager
def work_folder(args: argparse.Namespace) -> Iterator[Path]:
    """The folder of the unpacked commits: the one that is kept, or a temporary one."""
    if args.work is not None:
        yield args.work.resolve()
        return
    with tempfile.TemporaryDirectory() as name:
        yield Path(name).resolve()


def main() -> int:
    args = arguments()
    print(f"seed {args.seed}", flush=True)
    from indrnn_np._cpu import environment as _environment

    _environment.configure(loaded=())  # for the children, which load numpy anew
    with work_folder(args) as folder:
        trees = [unpack(commit, folder) for commit in args.commits]
        if trees[0] == trees[1]:
            trees[1] = unpack(args.commits[1], folder / "again")
        found = measure(args, [Runner(tree, args) for tree in trees])
    rows, verdicts = [], []
    for threads, pairs in found.items():
        for name in args.cases:
            result = judge(name, *([side[name] for side in sides] for sides in zip(*pairs, strict=True)))
            rows.append(row(threads, name, result))
            verdicts.append(result["verdict"])
    text = page(args, trees, rows)
    print(text)
    if args.out is not None:
        args.out.write_text(text, encoding="utf-8")
        args.out.with_suffix(".json").write_text(json.dumps(found) + "\n", encoding="utf-8")
    return 1 if args.check and set(verdicts) != {"reached"} else 0


if __name__ == "__main__":
    sys.exit(main())
