"""Data-parallel training: equal bits for 1, 2, 4 and 8 ranks, kills of a rank, and the time of an iteration.

    python benchmarks/data_parallel.py bits --data FOLDER      runs of 50 iterations, compared byte for byte
    python benchmarks/data_parallel.py kills [--times 20]      kill -9 of one of two ranks at random moments
    python benchmarks/data_parallel.py time [--rounds 5]       iterations of ranks and threads, in turn
    python benchmarks/data_parallel.py messages                the sum of two ranks by the size of the gradient

FOLDER holds mnist, japanese-vowels and tinyshakespeare. Each part writes benchmarks/results/data-parallel-PART.json.
Needs the extra `mpi`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import machine
import numpy as np

RESULTS = Path(__file__).parent / "results"
TRAIN = [sys.executable, "-m", "indrnn_np", "train"]
CLOCK = ("seconds", "steps_per_second")
COMMON = (
    "--batch 16 --shards 8 --iterations 50 --validate-every 0 --log-every 10 --checkpoint-every 25 --quiet"
)
PROBLEMS = {
    "adding": "adding --steps 100 --clip-norm 1 --evaluation-size 100",
    "MNIST, batch norm by shard": "mnist --data {0}/mnist --layers 2 --bn-batch 0 --held-out 0.001",
    "vowels, lengths": "uea --data {0}/japanese-vowels --name JapaneseVowels --held-out 0.1",
    "characters, streams": "chars --data {0}/tinyshakespeare/input.txt --steps 50 --hidden 64 --bn-batch 0",
}
KILLED = "adding --steps 100 --batch 16 --iterations 400 --checkpoint-every 20 --validate-every 40 --quiet"
LONGEST = 30  # seconds that mpiexec may take to end after a kill
# Name: ranks, threads of each, shards.
WAYS = {
    "one rank, one thread, 2 shards": (1, 1, 2), "two ranks of one thread, 2 shards": (2, 1, 2),
    "one process of two threads, 2 shards": (1, 2, 2), "one thread, 1 shard": (1, 1, 1),
    "one thread, 8 shards": (1, 1, 8), "two ranks of one thread, 8 shards": (2, 1, 8),
}  # fmt: skip
T, B, LAYERS, HIDDEN = 784, 64, 6, 128  # the network of sequential MNIST
SIZES = [2**k for k in range(8, 23, 2)]  # parameters, float32


def mpiexec(ranks: int, *arguments: str) -> list[str]:
    """Return a command on a number of ranks; one rank is a usual process."""
    return [*(["mpiexec", "-n", str(ranks)] if ranks > 1 else []), *arguments]


def contents(run: Path) -> dict[str, Any]:
    """Return the arrays of all checkpoints as bytes, and the metrics without the clock."""
    found: dict[str, Any] = {}
    for path in sorted((run / "checkpoints").glob("*.npz")):
        with np.load(path) as file:
            found[path.name] = {name: file[name].tobytes() for name in file.files if name != "meta"}
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    found["metrics"] = [{k: v for k, v in line.items() if k not in CLOCK} for line in lines]
    return found


def bits(folder: Path, data: Path) -> dict[str, Any]:
    """Run each problem on 1, 2, 4 and 8 ranks, and compare with one rank."""
    found: dict[str, Any] = {}
    for name, options in PROBLEMS.items():
        runs = []
        for ranks in (1, 2, 4, 8):
            out = folder / f"{name.split()[0]}-{ranks}"
            words = [*options.format(data).split(), *COMMON.split(), "--threads", "1", "--out", str(out)]
            subprocess.run(mpiexec(ranks, *TRAIN, *words), check=True, stdout=subprocess.DEVNULL)
            runs.append(contents(out))
        found[name] = {"equal": all(run == runs[0] for run in runs[1:]), "checkpoints": len(runs[0]) - 1}
        print(name, found[name], flush=True)
    return found


def children(process: int) -> list[int]:
    """Return the ranks below mpiexec: its descendants that run Python."""
    below = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    found = [pid for child in below for pid in children(int(child))]
    return found or [process]


def kills(folder: Path, times: int) -> dict[str, Any]:
    """Kill one of two ranks at random moments, resume, and compare with a run that nothing interrupts."""
    start = [*TRAIN, *KILLED.split(), "--threads", "1", "--shards", "2", "--out"]
    subprocess.run(mpiexec(2, *start, str(folder / "whole")), check=True, stdout=subprocess.DEVNULL)
    whole, rng, found = contents(folder / "whole"), random.Random(0), []
    for number in range(times):
        out = folder / f"killed-{number}"
        process = subprocess.Popen(
            mpiexec(2, *start, str(out)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while not list((out / "checkpoints").glob("*.npz")):
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 1.5))
        ranks = children(process.pid)
        running = process.poll() is None
        if running:
            os.kill(rng.choice(ranks), signal.SIGKILL)
        begin = time.perf_counter()
        process.wait(timeout=LONGEST)
        took = time.perf_counter() - begin
        last = max(path.stem for path in (out / "checkpoints").glob("iteration-*.npz"))
        resume = [*TRAIN, "--resume", str(out), "--quiet"]
        subprocess.run(mpiexec(rng.choice((1, 2)), *resume), check=True, stdout=subprocess.DEVNULL)
        found.append(
            {"killed": running, "from": last, "seconds": round(took, 3), "equal": contents(out) == whole}
        )
        print(found[-1], flush=True)
    return {"kills": found}


def measure(shards: int, threads: int, comm: Any) -> float:
    """Return the median seconds of an iteration of the network of sequential MNIST."""
    import indrnn_np as ir

    ir.set_threads(threads)
    rng, moments = np.random.default_rng(0), []
    x, y = rng.random((T, 4 * B, 1), np.float32), np.arange(4 * B) % 10
    net = ir.plain(1, HIDDEN, 10, LAYERS, T, batchnorm=True, dropout=0.1, input_init="kaiming")
    ir.fit(
        net, (x, y), ir.Adam(1e-4), iterations=13, batch=B, shards=shards, comm=comm, progress=False,
        callbacks=[lambda iteration: moments.append(time.perf_counter())],
    )  # fmt: skip
    return median(np.diff(moments[3:]))


def timed(rounds: int) -> dict[str, Any]:
    """Return the milliseconds of an iteration of each way, measured in turn in new processes."""
    found: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(rounds):
        for name, (ranks, threads, shards) in WAYS.items():
            worker = [sys.executable, __file__, "worker", str(shards), str(threads)]
            done = subprocess.run(mpiexec(ranks, *worker), check=True, capture_output=True, text=True)
            found[name].append(round(1e3 * float(done.stdout), 2))
        print({name: values[-1] for name, values in found.items()}, flush=True)
    middle = {name: median(values) for name, values in found.items()}
    return {"T": T, "B": B, "layers": LAYERS, "hidden": HIDDEN, "milliseconds": found, "medians": middle}


def messages() -> None:
    """Print the seconds of the sum of two ranks for each of SIZES; runs on two ranks."""
    from mpi4py import MPI

    from indrnn_np.training.ranks import MpiRanks

    ranks, found = MpiRanks(MPI.COMM_WORLD), {}
    for size in SIZES:
        gradient, laps = np.ones(size, np.float32), []
        for _ in range(60):
            MPI.COMM_WORLD.Barrier()
            begin = time.perf_counter()
            ranks.add(1.0, gradient)
            laps.append(time.perf_counter() - begin)
            gradient[...] = 1
        found[4 * size] = round(1e6 * median(laps), 1)
    if ranks.rank == 0:
        print(json.dumps({"microseconds by bytes": found}))


def worker(shards: int, threads: int) -> None:
    """Print the seconds of an iteration, as one of the ranks that mpiexec started."""
    from indrnn_np.commands import launched

    comm = launched.communicator()
    seconds = measure(shards, threads, comm)
    if comm is None or comm.Get_rank() == 0:
        print(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=("bits", "kills", "time", "messages", "worker", "rank"))
    parser.add_argument(
        "numbers", nargs="*", type=int, help=argparse.SUPPRESS
    )  # of a worker: shards, threads
    parser.add_argument("--data", type=Path, help="folder of the data")
    parser.add_argument("--times", type=int, default=20, help="kills (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of the times (%(default)s)")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results")
    args = parser.parse_args()
    if args.part in ("worker", "rank"):
        return worker(*args.numbers) if args.part == "worker" else messages()
    about = {"machine": machine.describe(), "load": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory() as name:
        if args.part == "bits":
            found = bits(Path(name), args.data)
        elif args.part == "kills":
            found = kills(Path(name), args.times)
        elif args.part == "time":
            found = timed(args.rounds)
        else:
            command = mpiexec(2, sys.executable, __file__, "rank")
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / f"data-parallel-{args.part}.json"
    path.write_text(json.dumps(about | found, indent=1) + "\n", encoding="utf-8")
    return None


if __name__ == "__main__":
    main()
