"""Settings as text on a command line: NAME=VALUE, and NAME=VALUE,VALUE,... of a sweep."""

from __future__ import annotations

from typing import Any

from .. import _renamed
from .settings import known, of_task, tomllib
from .tables import BY_NAME, Setting

WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def one(where: str, text: str) -> tuple[str, Any]:
    """Parse NAME=VALUE, with the value in the type of the setting."""
    name, equals, value = text.partition("=")
    name = _name(name)
    new = _renamed.SETTINGS.get(name, name)
    if not equals or new not in BY_NAME:
        listed = ", ".join(BY_NAME)
        expected = f"NAME=VALUE with a setting of `indrnn train` ({listed})"
        raise ValueError(f"{where}: --set {text!r}, expected {expected}")
    return name, _value(where, text, BY_NAME[new], value)


def several(where: str, text: str, task: str) -> tuple[str, list[Any]]:
    """Parse NAME=VALUE,VALUE,... of a task's setting; an array of TOML holds values with commas."""
    name, equals, values = text.partition("=")
    if not equals:
        raise ValueError(f"{where}: --set {text!r}, expected NAME=VALUE,VALUE,... such as lr=1e-4,1e-3")
    name = _name(name)
    setting = known(where, _renamed.SETTINGS.get(name, name), of_task(task))
    if not values.startswith("["):
        return setting.name, [_value(where, text, setting, value) for value in values.split(",")]
    try:
        return setting.name, tomllib.loads(f"values = {values}")["values"]
    except ValueError as error:
        expected = f"""an array of TOML such as {name}=["a=1,b=2", "a=3"]"""
        raise ValueError(f"{where}: --set {text!r} ({error}), expected {expected}") from None


def _name(text: str) -> str:
    """Return the name of a setting, from its option or its name."""
    return text.strip().removeprefix("--").replace("-", "_")


def _value(where: str, text: str, setting: Setting, value: str) -> Any:
    """Return the value of a setting in its type."""
    try:
        return WORDS[value.lower()] if setting.kind is bool else setting.kind(value)
    except (KeyError, ValueError):
        kind = setting.kind.__name__
        raise ValueError(f"{where}: --set {text!r}, expected a value of type {kind}") from None
