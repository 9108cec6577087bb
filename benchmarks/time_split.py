"""Memory of a rank and results of TimeSplit: one sequence of ten million time steps on four ranks and in one process.

    python benchmarks/time_split.py [--steps T] [--ranks N] [--out FILE.json]

Both passes of IndRNN(1, 16) and Linear(16, 1) over x (T, 1, 1) in float32, with one thread. Peak is the largest
resident set of a process (ru_maxrss); growth is the peak above the resident set before x is generated, when Python,
its packages and the kernels are loaded. Errors are the largest difference from one process in float64 over the
largest value. Needs the extra `mpi`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import machine
import numpy as np

STEPS, BATCH, INPUTS, HIDDEN, BLOCK = 10_000_000, 1, 1, 16, 100_000
INITS = ("symmetric", "ones")
SERIAL, EXACT, SPLIT = ("one process", "one process in float64", "ranks")
RESULTS = Path(__file__).parent / "results"


def resident() -> float:
    """Return the resident set of this process in MB."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) * 1024 / 1e6


def values(start: int, stop: int, dtype: str) -> np.ndarray:
    """Return x[start:stop] (steps, 1, 1), which depends on the time step only."""
    x = np.empty((stop - start, BATCH, INPUTS), dtype)
    for block in range(start // BLOCK, -(-stop // BLOCK)):
        part = np.random.default_rng([7, block]).standard_normal(BLOCK, np.float32)
        i, j = max(start, block * BLOCK), min(stop, (block + 1) * BLOCK)
        x[i - start : j - start, 0, 0] = part[i - block * BLOCK : j - block * BLOCK]
    return x


def passes(net: Any, comm: Any, x: np.ndarray, total: int) -> tuple[np.ndarray, Any]:
    """Return y and the gradients of the mean of y over all time steps; comm None is the usual network."""
    import indrnn_np as ir

    if comm is None:
        y, _, tape = net.forward(x)
        return y, net.backward(np.full_like(y, 1 / total), tape, input_gradient=False)[2]
    split = ir.TimeSplit(net, comm)
    y, tape = split.forward(x)
    return y, split.backward(np.full_like(y, 1 / total), tape)


def worker(init: str, mode: str, total: int, folder: Path) -> None:
    """Run one process, or one of the ranks that mpiexec started; save memory and results."""
    import indrnn_np as ir

    comm, rank, size = None, 0, 1
    if mode == SPLIT:
        from mpi4py import MPI

        comm = MPI.COMM_WORLD
        rank, size = comm.Get_rank(), comm.Get_size()
    ir.set_threads(1)
    layer = ir.IndRNN(INPUTS, HIDDEN, recurrent_init=init, input_init=0.5)
    net = ir.Sequential([layer, ir.Linear(HIDDEN, 1)], steps=total, seed=1)
    net = net.astype("float64") if mode == EXACT else net
    passes(net, comm, values(0, 1000, net.dtype.name), total)  # loads the kernels
    before, begin = resident(), time.perf_counter()
    x = values(rank * total // size, (rank + 1) * total // size, net.dtype.name)
    y, grads = passes(net, comm, x, total)
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    np.savez(folder / f"{mode}-{rank}.npz", y=y, gradient=grads.flat)
    memory = {"peak_mb": round(peak, 1), "growth_mb": round(peak - before, 1), "seconds": round(seconds, 2)}
    (folder / f"{mode}-{rank}.json").write_text(json.dumps(memory))


def error(actual: np.ndarray, exact: np.ndarray) -> float:
    """Return the largest difference over the largest exact value."""
    return float(np.abs(actual - exact).max() / np.abs(exact).max())


def largest(name: str, ranks: list[dict[str, float]], serial: dict[str, float]) -> float:
    """Return a number of the rank where it is largest, over that of one process."""
    return round(max(rank[name] for rank in ranks) / serial[name], 4)


def measure(init: str, total: int, ranks: int) -> dict[str, Any]:
    """Return the memory and the errors of one process and of the ranks."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start = [sys.executable, "-m", "mpi4py", __file__, "--steps", str(total), "--worker", init, name]
        for mode, before in ((SERIAL, []), (EXACT, []), (SPLIT, ["mpiexec", "-n", str(ranks)])):
            subprocess.run([*before, *start, mode], check=True)
        arrays = {path.stem: dict(np.load(path)) for path in folder.glob("*.npz")}
        memory = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
    names = [f"{SPLIT}-{rank}" for rank in range(ranks)]
    parts, serial, exact = [arrays[name] for name in names], arrays[f"{SERIAL}-0"], arrays[f"{EXACT}-0"]
    split = parts[0] | {"y": np.concatenate([part["y"] for part in parts])}
    each, one = [memory[name] for name in names], memory[f"{SERIAL}-0"]
    errors = {key: {SERIAL: error(serial[key], exact[key]), SPLIT: error(split[key], exact[key]),
                    "between the two": error(split[key], serial[key])} for key in serial}  # fmt: skip
    return {
        "recurrent_init": init, SERIAL: one, SPLIT: each,
        "growth of a rank over one process": largest("growth_mb", each, one),
        "peak of a rank over one process": largest("peak_mb", each, one),
        "errors": errors,
        "equal gradients on all ranks": len({part["gradient"].tobytes() for part in parts}) == 1,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=STEPS, help="time steps (%(default)s)")
    parser.add_argument("--ranks", type=int, default=4, help="ranks (%(default)s)")
    parser.add_argument("--out", type=Path, default=RESULTS / "time-split.json")
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)  # initial u, folder, mode
    args = parser.parse_args()
    if args.worker:
        init, folder, mode = args.worker
        worker(init, mode, args.steps, Path(folder))
        return
    result = {"machine": machine.describe(), "load": os.getloadavg()[0], "threads": 1}
    result |= {"shape": [args.steps, BATCH, INPUTS, HIDDEN]}
    result["runs"] = [measure(init, args.steps, args.ranks) for init in INITS]
    print(json.dumps(result["runs"], indent=1))
    args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
