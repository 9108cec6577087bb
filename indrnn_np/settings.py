"""What `indrnn train` can be told (setting_tables.py): read, checked, merged, compared and written.

Precedence: defaults < config file < command line. What was used is written as config.toml, which can be given back.
This file imports no numpy: the command line reads it before the environment is set.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .setting_tables import ADDING, BY_NAME, ENDLESS, INDRNN, SETTINGS, TASKS, Setting

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = [
    "ADDING", "BY_NAME", "ENDLESS", "INDRNN", "SETTINGS", "TASKS", "Setting", "changes", "check", "check_use", "merge",
    "of_task", "read", "to_toml",
]  # fmt: skip


def of_task(task: str) -> dict[str, Setting]:
    """Return the settings that a task has, by name."""
    return {setting.name: setting for setting in SETTINGS if task in setting.tasks}


def merge(task: str, *layers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings used: defaults, then each layer over those before it; not set is None."""
    used = {name: setting.default_for(task) for name, setting in of_task(task).items()}
    for layer in layers:
        if layer.get("iterations") is not None and layer.get("epochs") is not None:
            raise ValueError("settings: iterations and epochs are both set, expected one of them")
        for name, other in (("iterations", "epochs"), ("epochs", "iterations")):
            if layer.get(name) is not None and other in used:
                used[other] = None
        used |= layer
    return {**used, "task": task}


def check_use(used: Mapping[str, Any], given: Mapping[str, Any], where: str) -> None:
    """Check that the network to be made has a use for each of the `given` settings."""
    for name in given:
        setting = BY_NAME[name]
        if used["network"] not in setting.networks:
            known = " or ".join(f"network={network!r}" for network in setting.networks)
            raise ValueError(
                f"{where}: {name} is {given[name]!r} with network={used['network']!r}, expected no {name} "
                f"because only {known} has a use for it"
            )
        if setting.of_indrnn and used["cell"] != INDRNN:
            raise ValueError(
                f"{where}: {name} is {given[name]!r} with cell={used['cell']!r}, expected no {name} "
                f"because only cell={INDRNN!r} has a use for it"
            )


def read(path: str | Path) -> dict[str, Any]:
    """Read a TOML file of settings; ValueError names the file and what is wrong in it."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"settings: {path} is not a file, expected a TOML file of settings")
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(
            f"settings: {path} is not TOML ({error}), expected lines such as `lr = 0.0002`"
        ) from error
    return found


def check(found: Mapping[str, Any], task: str, where: str) -> dict[str, Any]:
    """Check names and types of settings that came from a file, and return them without the task's name."""
    known = of_task(task)
    if found.get("task", task) != task:
        raise ValueError(f"{where}: task is {found['task']!r}, expected {task!r} as on the command line")
    return {name: _value(name, value, known, where) for name, value in found.items() if name != "task"}


def _value(name: str, value: Any, known: Mapping[str, Setting], where: str) -> Any:
    if name not in known:
        close = difflib.get_close_matches(name, known, 1)
        hint = f" (did you mean {close[0]}?)" if close else ""
        raise ValueError(f"{where}: unknown setting {name!r}{hint}, expected one of " + ", ".join(known))
    setting = known[name]
    if setting.kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not setting.kind:
        raise ValueError(f"{where}: {name} is {value!r}, expected a value of type {setting.kind.__name__}")
    if setting.choices and value not in setting.choices:
        raise ValueError(f"{where}: {name} is {value!r}, expected one of " + ", ".join(setting.choices))
    return value


def to_toml(used: Mapping[str, Any]) -> str:
    """Write settings as TOML; what is not set is left out."""
    import tomli_w

    head = "# What this run used."
    head += " Give it back with: indrnn train TASK --config THIS_FILE\n" if "task" in used else "\n"
    return head + tomli_w.dumps({name: value for name, value in used.items() if value is not None})


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return what a resumed run changes, as words; ValueError for what it can't change."""
    said = []
    for name in sorted(set(before) | set(now)):
        old, new = before.get(name), now.get(name)
        if old == new:
            continue
        if name in BY_NAME and name not in before and new == BY_NAME[name].default_for(now["task"]):
            continue  # the run is older than the setting, and did what is the default
        if name == "task" or BY_NAME[name].fixed:
            raise ValueError(
                f"resume: {name} is {new!r}, expected {old!r} as in the run, which it is a part of"
            )
        said.append(f"{name}: {old} -> {new}")
    return said
