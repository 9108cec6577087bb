"""Read, check, merge and compare the settings of `indrnn train` (settings/tables.py).

The command line takes precedence over the config file, and the config file over the defaults. A run
writes its settings to config.toml, which another run can read. This module does not import numpy:
the command line loads it before it sets environment variables.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import _files, _renamed
from .defaults import IN_SIMULATOR, OLDER, PRESETS
from .tables import BY_NAME, SETTINGS, TASKS, Setting, number

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def of_task(task: str) -> dict[str, Setting]:
    """Return the settings of a task by name."""
    return {setting.name: setting for setting in SETTINGS if task in setting.tasks}


def merge(task: str, *layers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a run: defaults, preset, and each layer take precedence in this order.

    The last layer that names a preset selects it. None means not set.
    """
    used = {name: setting.default_for(task) for name, setting in of_task(task).items()}
    name = next((layer["preset"] for layer in reversed(layers) if layer.get("preset")), None)
    for layer in (*_preset(task, name), *layers):
        if layer.get("iterations") is not None and layer.get("epochs") is not None:
            raise ValueError("settings: iterations and epochs are both set, expected one of them")
        for name, other in (("iterations", "epochs"), ("epochs", "iterations")):
            if layer.get(name) is not None and other in used:
                used[other] = None
            if layer.get(name) is not None and "least_iterations" in used:
                used["least_iterations"] = 0
        used |= layer
    lengths = ("iterations", "epochs")
    if used["minutes"] and not any(layer.get(name) is not None for layer in layers for name in lengths):
        used |= {name: None for name in lengths if name in used}  # the speed decides (training/speed.py)
    return {**used, "task": task}


def _preset(task: str, name: str | None) -> list[dict[str, Any]]:
    """Return the settings of a preset in a list, which is empty without a name."""
    presets = PRESETS.get(task, {})
    if name is not None and name not in presets:
        expected = "one of " + ", ".join(presets) if presets else f"none, because {task} has no presets"
        raise ValueError(f"settings: preset is {name!r}, expected {expected}")
    return [] if name is None else [presets[name]]


def in_simulator(task: str, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return the defaults of a task in numba's simulator, without those that `chosen` settings replace."""
    replaced = {*chosen, "iterations"} if "epochs" in chosen else {*chosen}
    return {
        name: IN_SIMULATOR[name] for name in IN_SIMULATOR if name in of_task(task) and name not in replaced
    }


def check_use(used: Mapping[str, Any], chosen: Mapping[str, Any], where: str) -> None:
    """Check that the network uses every setting in `chosen`."""
    for name, value in chosen.items():
        setting = BY_NAME[name]
        for option, users in (("network", setting.networks), ("cell", setting.cells)):
            if used[option] not in users:
                problem = f"{name} is {value!r} with {option}={used[option]!r}"
                only = " or ".join(f"{option}={user!r}" for user in users)
                raise ValueError(f"{where}: {problem}, expected no {name} because only {only} uses it")


def read(path: str | Path) -> dict[str, Any]:
    """Return the settings in a TOML file; errors name the file and the fault."""
    path = _files.user_path("settings", "the file", path)
    if not path.is_file():
        raise FileNotFoundError(f"settings: {path} is not a file, expected a TOML file of settings")
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig", "surrogateescape"))
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, or a number with too many digits
        expected = "lines such as `lr = 0.0002`"
        raise ValueError(f"settings: {path} is not TOML ({error}), expected {expected}") from error


def check(content: Mapping[str, Any], task: str, where: str) -> dict[str, Any]:
    """Return settings from a file without the task's name, after checking their names and types."""
    settings = of_task(task)
    if content.get("task", task) != task:
        raise ValueError(f"{where}: task is {content['task']!r}, expected {task!r} as on the command line")
    renamed = _renamed.read(where, content, _renamed.settings(content))
    return {name: _value(name, value, settings, where) for name, value in renamed.items() if name != "task"}


def known(where: str, name: str, settings: Mapping[str, Setting]) -> Setting:
    """Return the setting `name`; an error suggests similar names."""
    if name not in settings:
        raise ValueError(f"{where}: {_unknown(name, settings)}, expected one of " + ", ".join(settings))
    return settings[name]


def _value(name: str, value: Any, settings: Mapping[str, Setting], where: str) -> Any:
    setting = known(where, name, settings)
    if setting.kind is float and type(value) is int:
        value = number(where, name, value)
    if type(value) is not setting.kind:
        raise ValueError(f"{where}: {name} is {value!r}, expected a value of type {setting.kind.__name__}")
    number(where, name, value)
    if setting.choices and value not in setting.choices:
        raise ValueError(f"{where}: {name} is {value!r}, expected one of " + ", ".join(setting.choices))
    return value


def _unknown(name: str, known: Mapping[str, Setting]) -> str:
    """Return the error text for an unknown setting: the tasks that have it, or similar names."""
    if name in BY_NAME:
        return f"unknown setting {name!r} (a setting of {', '.join(BY_NAME[name].tasks)})"
    close = difflib.get_close_matches(name, known, 3)
    return f"unknown setting {name!r}" + (f" (did you mean {' or '.join(close)}?)" if close else "")


def of_run(where: str, path: Path, content: Any) -> dict[str, Any]:
    """Return the settings in the checkpoint at `path`; settings newer than the run have their defaults."""
    if not isinstance(content, Mapping) or not content:
        raise ValueError(f"{where}: {path} holds no settings, expected a checkpoint of `indrnn train`")
    task = content.get("task")
    if task not in TASKS:
        raise ValueError(f"{where}: {path}: task is {task!r}, expected one of " + ", ".join(TASKS))
    stored = {name: value for name, value in content.items() if value is not None}
    return merge(task, OLDER.get(task, {}), check(stored, task, f"{where}: {path}"))


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return the settings that a resumed run changes, as text.

    Raises
    ------
    ValueError
        If the setting of a resumed run is fixed.
    """
    changed = []
    for name in sorted(set(before) | set(now)):
        old, new = before.get(name), now.get(name)
        if old == new:
            continue
        if name in BY_NAME and name not in before and new == BY_NAME[name].default_for(now["task"]):
            continue  # the run is older than the setting and behaves like its default
        if name == "task" or BY_NAME[name].fixed:
            raise ValueError(f"resume: {name} is {new!r}, expected {old!r}, the value stored in the run")
        changed.append(f"{name}: {old} -> {new}")
    return changed
