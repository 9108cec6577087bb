"""One sweep of 12 small runs on three engines, and whether their tables are equal: processes, mpi4py.futures, dask.

    python benchmarks/sweep_engines.py processes FOLDER
    mpiexec -n 3 python -m mpi4py.futures benchmarks/sweep_engines.py mpi FOLDER
    python benchmarks/sweep_engines.py dask FOLDER                       # needs dask[distributed]
    python benchmarks/sweep_engines.py compare FOLDER --out benchmarks/results/sweep-engines.json

Each engine has two workers of one thread. Tables are compared without their times.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

WORKERS = 2
SETS = {"lr": [5e-4, 1e-3, 2e-3], "hidden": [16, 32], "steps": 50, "iterations": 500, "threads": 1}
SEEDS = (0, 1)
ENGINES = {"processes": (), "mpi": ("mpi4py", "mpich"), "dask": ("dask", "distributed")}


@contextmanager
def executor_of(engine: str) -> Iterator[Executor | None]:
    """Yield the executor of an engine; None stands for processes of this machine."""
    if engine == "mpi":
        from mpi4py.futures import MPIPoolExecutor

        with MPIPoolExecutor() as executor:
            yield executor
    elif engine == "dask":
        from distributed import Client, LocalCluster

        with (
            LocalCluster(n_workers=WORKERS, threads_per_worker=1, dashboard_address=None) as cluster,
            Client(cluster) as client,
            client.get_executor() as executor,
        ):
            yield executor
    else:
        yield None


def run(engine: str, folder: Path) -> None:
    """Run the sweep on an engine, and write its versions beside its table."""
    import indrnn_np as ir

    out = folder / engine
    if out.exists():
        raise FileExistsError(f"{out} exists, expected a new folder because finished runs would be skipped")
    with executor_of(engine) as executor:
        result = ir.sweep("adding", SETS, SEEDS, out=out, jobs=WORKERS, executor=executor)
    (out / "engine.json").write_text(json.dumps({name: version(name) for name in ENGINES[engine]}))
    print(result)


def compare(folder: Path) -> dict[str, Any]:
    """Return the engines with their versions, and whether all tables are equal."""
    import machine

    engines = [engine for engine in ENGINES if (folder / engine / "engine.json").is_file()]
    tables = [_without_times(json.loads((folder / engine / "table.json").read_text())) for engine in engines]
    runs = [run for entry in tables[0] for run in entry["runs"]]
    return {
        "task": "adding", "sets": SETS, "seeds": SEEDS, "workers": WORKERS, "runs": len(runs),
        "finished": sum(run["state"] == "finished" for run in runs),
        "equal tables": all(table == tables[0] for table in tables),
        "engines": {engine: json.loads((folder / engine / "engine.json").read_text()) for engine in engines},
        "machine": machine.describe(),
    }  # fmt: skip


def _without_times(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Remove the minutes of the runs."""
    for entry in entries:
        for run in entry["runs"]:
            run.pop("minutes", None)
    return entries


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=(*ENGINES, "compare"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if args.what != "compare":
        run(args.what, args.folder)
        return
    text = json.dumps(compare(args.folder), indent=1) + "\n"
    if args.out:
        args.out.write_text(text)
    print(text, end="")


if __name__ == "__main__":
    main()
