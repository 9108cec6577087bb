"""Sweeps of tiny runs of the adding problem."""

from concurrent.futures import ThreadPoolExecutor

import indrnn_np as ir

TINY = {
    "steps": 5, "hidden": 4, "batch": 3, "iterations": 20, "validate_every": 10, "log_every": 10,
    "evaluation_size": 30, "backend": "reference", "threads": 1,
}  # fmt: skip
CONFIG = 'task = "adding"\n' + "".join(
    f"{name} = {value!r}\n".replace("'", '"') for name, value in TINY.items()
)


def config(folder):
    """Write the settings that all tiny runs share, and return the path of the file."""
    path = folder / "tiny.toml"
    path.write_text(CONFIG)
    return path


def threaded(sets, folder, seeds=(0,), **options):
    """Run a sweep on a thread of this process, which starts no interpreter."""
    with ThreadPoolExecutor(1) as executor:
        options = {"config": config(folder), "executor": executor, "progress": False} | options
        return ir.sweep("adding", sets, seeds, out=folder / "out", **options)


def without_clock(entries):
    """Return the entries of a table without the values that depend on the clock."""
    runs = [{**run, "minutes": None} for entry in entries for run in entry["runs"]]
    return runs, [{**entry, "runs": None} for entry in entries]
