"""The speed of kernels and of training, beside the machine's limits and beside other implementations.

    python benchmarks/speed.py [--cases NAME ...] [--threads 1 2] [--rivals numpy torch jax] [--out DIR]

Each number of threads has a process of its own, pinned to as many cores, with the environment that the `indrnn` command
sets. Results go to DIR/speed-N-threads.json after every case; speed_report.py makes tables and plots of them. Rivals
that are not installed (pip install -e ".[bench]") are named as such. Exit code 1: something was wrong and not timed.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from indrnn_np import bench
from indrnn_np._cpu import environment as _environment

RIVALS = {"numpy": "numpy_loop", "torch": "torch_rivals", "jax": "jax_rivals"}
NEEDS = {"torch": "torch", "jax": "jax"}
FOLDER = Path(__file__).parent
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--cases", nargs="+", default=[], metavar="NAME", help=", ".join(c.name for c in bench.CASES)
    )
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2], metavar="N", help="(default: 1 2)")
    parser.add_argument("--rivals", nargs="*", default=list(RIVALS), choices=RIVALS, help="(default: all)")
    parser.add_argument(
        "--seconds", type=float, default=2.0, help="of each candidate in each case (default: 2)"
    )
    parser.add_argument("--rounds", type=int, default=7, help="turns of each candidate (default: 7)")
    parser.add_argument("--out", type=Path, default=FOLDER / "results", metavar="DIR")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(given)


def main() -> int:
    args = arguments()
    bench.select(names=args.cases)  # an unknown name ends here, in one sentence
    if args.child:
        return measure(args, args.threads[0])
    return max(
        subprocess.run([sys.executable, __file__, *words(args, threads)]).returncode
        for threads in args.threads
    )


def words(args: argparse.Namespace, threads: int) -> list[str]:
    """The command line of the process that measures with so many threads."""
    options = [f"--{name}={getattr(args, name)}" for name in ("seconds", "rounds", "out")]
    cases = ["--cases", *args.cases] if args.cases else []
    return ["--child", f"--threads={threads}", *options, *cases, "--rivals", *args.rivals]


def measure(args: argparse.Namespace, threads: int) -> int:
    """In a process of its own: pin, prepare, time, and write after each case."""
    cores, cpus = len(available()), pin(threads)
    environment = _environment.configure()
    for name in THREAD_VARIABLES:
        os.environ[name] = str(threads)
    os.environ["JAX_PLATFORMS"] = "cpu"
    found: dict[str, Any] = {"cases": []}
    rivals = providers(args.rivals)
    machine = about(cores, cpus, environment)
    path = args.out / f"speed-{threads}-thread{'s' if threads > 1 else ''}.json"
    args.out.mkdir(parents=True, exist_ok=True)
    for case in bench.select(names=args.cases):
        print(f"{case.name}, {threads} thread{'s' if threads > 1 else ''}", flush=True)
        one = bench.run([case], threads, rivals, args.seconds, args.rounds)
        found = one | {"cases": [*found["cases"], *one["cases"]], "machine": machine}
        path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        for row in bench.report.cells(one["cases"][0]):
            print("    " + "  ".join(cell.ljust(8) for cell in row[1:]), flush=True)
        for remark in bench.report.remarks(one):
            print(f"    {remark}", flush=True)
    print(path)
    return 0 if bench.report.passed(found) else 1


def pin(threads: int) -> list[int]:
    """Keep the process on its first `threads` cores, as XLA takes a thread a core; returns them, or [] if it can't."""
    allowed = available()
    if len(allowed) < threads:
        raise SystemExit(
            f"speed.py: {threads} threads are asked for, the process may use {len(allowed)} cores"
        )
    if not hasattr(os, "sched_setaffinity"):
        return []
    os.sched_setaffinity(0, allowed[:threads])
    return allowed[:threads]


def available() -> list[int]:
    """The cores that the process may use."""
    return (
        sorted(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else list(range(os.cpu_count() or 1))
    )


def providers(names: list[str]) -> dict[str, Any]:
    """The rivals by name: a function, or why there is none."""
    found: dict[str, Any] = {}
    for name in names:
        package = NEEDS.get(name)
        if package is not None and importlib.util.find_spec(package) is None:
            found[name] = "not installed"
        else:
            found[name] = importlib.import_module(f"rivals.{RIVALS[name]}").candidates
    return found


def about(cores: int, cpus: list[int], environment: dict[str, str]) -> dict[str, Any]:
    """What a measured number needs beside it."""
    import machine

    versions = {name: machine.version(name) for name in NEEDS.values() if importlib.util.find_spec(name)}
    told = machine.describe()
    told["versions"] |= versions
    return told | {"cores": cores, "pinned_to": cpus, "environment": environment}


if __name__ == "__main__":
    sys.exit(main())
