"""The runs of a sweep: every combination of the values of settings, with every seed."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from .. import _check, _files
from .._types import Json, Value
from ..settings import build, settings
from ..settings.tables import number
from .job import Job, check_same

LONGEST = 120  # characters of a folder's name
WHERE = "sweep"


def jobs_of(
    task: str, sets: Mapping[str, Value], seeds: Iterable[int], out: Path, config: Value = None, threads: int = 0
) -> list[Job]:  # fmt: skip
    """Return the runs, in the order of the values and then of the seeds.

    Parameters
    ----------
    task : str
        Name of a task.
    sets : mapping
        A value, or a list of values, for each setting of `indrnn train`.
    seeds : iterable of int
        Seed of each run of a combination.
    out : Path
        Folder of the sweep.
    config : path, optional
        TOML file of settings for all runs; `sets` take precedence.
    threads : int
        Threads of a run, unless a setting has another number.

    Raises
    ------
    ValueError
        If a name or a value is not one of the task, or if a folder holds another run.
    """
    _check.choice(WHERE, "task", task, settings.TASKS)
    stored = {} if config is None else settings.check(settings.read(config), task, str(config))
    values = _values(task, sets)
    if not isinstance(seeds, Iterable) or not (seeds := list(seeds)):
        _check.fail(WHERE, f"seeds is {seeds!r:.60}", "a list of at least one seed")
    numbers = list(dict.fromkeys(number(WHERE, "seed", _check.as_json(seed)) for seed in seeds))
    jobs = []
    for combination in itertools.product(*values.values()):
        chosen = dict(zip(values, combination, strict=True))
        for seed in numbers:
            used, _ = build.complete(WHERE, task, stored, chosen | {"seed": seed})
            used["threads"] = used["threads"] or threads
            choice = chosen | {"seed": seed}
            jobs.append(Job(used, str(out.absolute() / folder_name(choice)), choice))
            build.dropout(used)  # raises for rates that are no numbers
    for job in jobs:
        check_same(job)
    return jobs


def out_of(task: str, out: Value) -> Path:
    """Return the folder of a sweep: `out`, or by default runs/sweep/TASK."""
    return Path("runs") / WHERE / task if out is None else _files.user_path(WHERE, "out", out)


def folder_name(choice: Mapping[str, Value]) -> str:
    """Return the name of a run's folder, such as `lr=0.001,seed=0`.

    A hash follows where the name cannot hold a value as it is.
    """
    text = words(choice)
    name = re.sub(r"[^\w.,=+-]", "-", text, flags=re.ASCII)
    if name == text and len(name) <= LONGEST:
        return name
    return f"{name[:LONGEST]}-{hashlib.sha256(text.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"


def words(choice: Mapping[str, Value]) -> str:
    """Return settings as text, such as "lr=0.001,seed=0"."""
    return ",".join(f"{name}={value}" for name, value in choice.items())


def _values(task: str, sets: Mapping[str, Value]) -> dict[str, list[Value]]:
    """Return the checked values of each setting, without repetitions."""
    if not isinstance(sets, Mapping):
        _check.fail(WHERE, f"sets is {sets!r:.60}", 'a dict such as {"lr": [1e-4, 1e-3]}', error=TypeError)
    values: Json = {}
    for name, value in sets.items():
        several = list(value) if isinstance(value, Iterable) and not isinstance(value, str) else [value]
        if not several:
            _check.fail(WHERE, f"{name} has no value", "at least one")
        checked = [settings.check({name: _check.as_json(each)}, task, WHERE) for each in several]
        if "seed" in checked[0]:
            _check.fail(WHERE, "seed is one of the settings", "seeds in its place", "such as --seeds 0-4")
        for one in checked:
            for new, each in one.items():
                values[new] = list(dict.fromkeys([*values.get(new, []), each]))
    return values
