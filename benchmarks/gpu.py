"""Check and time the backend "cuda" on a GPU: one command, at most six minutes.

    python benchmarks/gpu.py --out DIR                                     measure: gpu.md, .json, .log, crossover.*
    python benchmarks/gpu.py --out DIR --train adding mnist --data MNIST   train: training.md, .json, .log
    python benchmarks/gpu.py --parts about small_checks                    these parts only
    python benchmarks/gpu.py --dry                                         tiny sizes in the simulator, without a GPU

The parts (gpu_parts/plan.py) run in one worker process, so that each kernel is compiled once. If the worker dies, loses
the GPU's context, or exceeds a part's time limit, a new one continues with the next part. Results are written after
each line. Meanwhile processes of low priority compile all kernels into a disk cache, which every worker reads.

In a dry run a fake device (gpu_parts/fake_device.py) says how long each part would take, and the budget is that of a
GPU. Exit code 1: something of this package is wrong or broke; a failure of a rival is a note.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gpu_parts.plan import ABOUT, ALL, GRACE, MINUTES, NO_GPU, PARTS, TRAINING
from gpu_parts.results import Results
from gpu_parts.targets import value

FOLDER = Path(__file__).parent
WORKER = Path(__file__)
POLL = 0.05  # seconds
HANGING = 600  # seconds that a part of a dry run may take: the simulator is slow
SPARED, MOST = 4, 12  # cores that do not compile kernels in the background, and processes that do


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=FOLDER / "results" / "gpu", metavar="DIR")
    parser.add_argument("--parts", nargs="+", choices=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--train", nargs="+", choices=TRAINING, help="train instead")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder with MNIST's four idx files")
    parser.add_argument(
        "--set", nargs="+", default=[], metavar="NAME=VALUE", help="settings of `indrnn train`, for --train"
    )
    parser.add_argument("--minutes", type=float, default=MINUTES, help=f"for all parts (default: {MINUTES})")
    parser.add_argument("--dry", action="store_true", help="tiny sizes, in numba's simulator")
    parser.add_argument("--kill", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--worker", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--compile", type=int, nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--events", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--now", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--end", type=float, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    args = arguments()
    args.out = args.out.absolute()
    if args.worker or args.compile:
        prepare(args.dry)
        if args.compile:
            from gpu_parts.kernel_cache import compile_share

            return compile_share(*args.compile)
        from gpu_parts.worker import run

        return run(args)
    names = args.train or [name for name in PARTS if name in (args.parts or PARTS)]
    results = Results(args.out, "training" if args.train else "gpu")
    with tempfile.TemporaryDirectory(prefix="indrnn_np-") as scratch:
        # Not in `scratch`: the second call finds the kernels of the first one.
        cache = (
            Path(tempfile.gettempdir()) / f"indrnn_np-kernels-{os.getuid() if hasattr(os, 'getuid') else 0}"
        )
        os.environ.setdefault("INDRNN_CACHE_DIR", str(cache))
        Supervisor(args, results, Path(scratch)).run(names)
    print("\n".join([f"{len(results.failures)} failures", *results.failures, str(results.page_path)]))
    return 1 if results.failures else 0


def prepare(dry: bool) -> None:
    """Set what numpy and numba read when they are loaded, and find the package where it is not installed."""
    if dry:
        os.environ |= {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}
    os.environ.setdefault("NUMBA_CUDA_LOW_OCCUPANCY_WARNINGS", "0")
    if importlib.util.find_spec("indrnn_np") is None:
        sys.path.insert(0, str(FOLDER.parent))
    from indrnn_np._cpu import environment

    environment.configure()


class Supervisor:
    """Start workers, collect their events, end those that exceed a limit, and continue with the next part."""

    def __init__(self, args: argparse.Namespace, results: Results, scratch: Path) -> None:
        self.args, self.results = args, results
        self.events, self.read = scratch / "events", 0
        self.events.touch()
        self.log = results.page_path.with_suffix(".log")
        self.log.write_text("", encoding="utf-8")
        self.current, self.finished = "", False  # part of the last event, and whether it has ended
        self.deadline = 0.0  # of the part that runs, on this computer's clock
        self.now = self.start_time = 0.0 if args.dry else time.monotonic()  # on the device's clock
        self.end = self.now + 60 * args.minutes
        self.compilers: list[subprocess.Popen[bytes]] = []

    def run(self, names: list[str]) -> None:
        """Run the parts, with a new worker after each one that ended early."""
        try:
            while names:
                names = self.run_worker(names)
        finally:
            for process in self.compilers:
                process.kill()
            self.results.write()

    def run_worker(self, names: list[str]) -> list[str]:
        """Run one worker until it ends, and return the parts that are left."""
        self.current, self.finished = names[0], False
        self.deadline = time.monotonic() + self.limit(names[0])
        words = ["--worker", *names, "--events", self.events, f"--now={self.now}", f"--end={self.end}"]
        worker = self.start(words)
        while worker.poll() is None and time.monotonic() < self.deadline:
            self.collect()
            time.sleep(POLL)
        stopped = worker.poll() is None
        if stopped:
            os.killpg(worker.pid, signal.SIGKILL)
        code = worker.wait()
        self.collect()
        if not self.finished:
            reason = "it exceeded its time limit" if stopped else f"its process ended with code {code}"
            self.results.part(self.current)["failures"].append(f"stopped: {reason}")
            print(f"{self.current}: stopped: {reason}", flush=True)
            self.results.write()
        if code == NO_GPU:
            return []
        return names[names.index(self.current) + 1 :]

    def start(self, words: list[object]) -> subprocess.Popen[bytes]:
        """Start this script as a worker or as a compiler, in a process group of its own; its output goes to the log."""
        args, options = self.args, ["--out", self.args.out, *(["--dry"] if self.args.dry else [])]
        for name in ("data", "set", "kill"):
            given = getattr(args, name)
            options += [f"--{name}", *(given if isinstance(given, list) else [given])] if given else []
        command = [sys.executable, WORKER, *words, *options]
        with self.log.open("ab") as log:
            return subprocess.Popen(list(map(str, command)), start_new_session=True, stdout=log, stderr=log)

    def collect(self) -> None:
        """Apply the events that workers have written since the last call, and write the results."""
        with self.events.open("rb") as file:
            file.seek(self.read)
            lines = file.read().split(b"\n")[:-1]  # a killed worker may leave half a line
        for line in lines:
            self.read += len(line) + 1
            event = json.loads(line)
            self.results.apply(event)
            self.current, self.finished, self.now = event["part"], event["event"] == "end", event["now"]
            if event["event"] == "begin":
                self.deadline = time.monotonic() + self.limit(event["part"])
            if event["event"] == "end" and event["part"] == ABOUT:
                self.compile_kernels()
            print(shown(event, self.now - self.start_time), flush=True)
        if lines:
            self.results.write()

    def limit(self, name: str) -> float:
        """Return the seconds after which a part is ended."""
        if self.args.dry:
            return HANGING
        return min(ALL[name].seconds, self.end - time.monotonic()) + GRACE

    def compile_kernels(self) -> None:
        """Start the background processes that compile all kernels into the disk cache."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        capability = value(list(self.results.parts.values()), ABOUT, "capability")
        count = 0 if self.args.train or capability is None else min(MOST, cores - SPARED)
        words = ["--compile", count, *(capability or ())]
        self.compilers += [self.start([*words, number]) for number in range(count)]


def shown(event: dict, seconds: float) -> str:
    """Return an event as a line for the terminal."""
    kind, part = event["event"], event["part"]
    words = {"begin": "begins", "end": f"ends after {event['seconds']:.1f} s"}.get(kind) or event.get("text")
    words = words or event.get("title") or "  ".join(event["cells"])
    return f"{seconds:.1f} {part}: {'' if kind in ('begin', 'end', 'row') else kind + ': '}{words}"


if __name__ == "__main__":
    sys.exit(main())
