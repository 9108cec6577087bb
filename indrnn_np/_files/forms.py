"""Check access to untrusted files, and check the JSON in them against schemas (forms).

A file is validated when it is read, so the error names its path, the key, the value and the
expected kind of value.
"""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._check import fail

DEPTH = 100  # levels of nested JSON; the package writes fewer than 20
LARGEST = 2**63  # integers are smaller, as in NumPy arrays


@dataclass(frozen=True)
class Kind:
    """A kind of values: its name in errors, and the predicate that recognises it."""

    name: str
    holds: Callable[[Any], bool]


@dataclass(frozen=True)
class Maybe:
    """A form whose value may be null or missing; `check` sets a missing key to None."""

    form: Form


@dataclass(frozen=True)
class Each:
    """An object with any keys, or a list; all values have one form."""

    form: Form
    container: type = dict


# A mapping describes an object: its keys, and the form of each value.
Form = Kind | Maybe | Each | Mapping[str, Any]


def _is_whole(value: Any) -> bool:
    return type(value) is int and abs(value) < LARGEST


def _is_real(value: Any) -> bool:
    return _is_whole(value) or type(value) is float


ANY = Kind("any value", lambda value: True)
TEXT = Kind("a text", lambda value: isinstance(value, str))
FLAG = Kind("true or false", lambda value: isinstance(value, bool))
OBJECT = Kind("an object", lambda value: isinstance(value, dict))
LIST = Kind("a list", lambda value: isinstance(value, list))
WHOLE = Kind("a whole number", _is_whole)
COUNT = Kind("a whole number of at least 0", lambda value: _is_whole(value) and value >= 0)
SEED = Kind("a whole number from 0 to below 2^64", lambda value: type(value) is int and 0 <= value < 2**64)
POSITIVE = Kind("a whole number of at least 1", lambda value: _is_whole(value) and value >= 1)
REAL = Kind("a number", _is_real)
FINITE = Kind("a finite number", lambda value: _is_real(value) and math.isfinite(value))
AMOUNT = Kind("a finite number of at least 0", lambda value: FINITE.holds(value) and value >= 0)


def file(where: str, path: Path, expected: str) -> None:
    """Check that a file exists and is readable."""
    if not path.is_file():
        fail(where, f"{path} is not a file", expected, error=FileNotFoundError)
    try:
        with path.open("rb") as stream:
            stream.read(1)
    except OSError as error:
        reason = f"{where}: {path} can't be read ({error.strerror}), expected {expected}"
        raise type(error)(error.errno, reason) from error


def json_object(where: str, source: str, content: bytes | str, form: Form) -> dict[str, Any]:
    """Return a JSON object after checking its form; errors name it by `source`."""
    try:
        # Decode bytes first: json would also accept UTF-16 and lone surrogates.
        value = json.loads(content.decode() if isinstance(content, bytes) else content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where}: {source} is not JSON ({error}), expected an object") from error
    if _depth(value) > DEPTH:
        fail(where, f"{source} is nested deeper than {DEPTH} levels", "an object that this package wrote")
    if not isinstance(value, dict):
        fail(where, f"{source} is {_short(value)}", "an object")
    check(where, source, value, form)
    return value


def check(where: str, source: str, value: Any, form: Form, key: str = "") -> None:
    """Check that a JSON value has a form; `key` is its path in the file."""
    if isinstance(form, Maybe):
        if value is not None:
            check(where, source, value, form.form, key)
        return
    subject, prefix = f"{source}: {key}" if key else source, f"{key}." if key else ""
    if isinstance(form, Kind):
        if not form.holds(value):
            fail(where, f"{subject} is {_short(value)}", form.name)
        return
    kind: type[Any] = form.container if isinstance(form, Each) else dict
    if not isinstance(value, kind):
        fail(where, f"{subject} is {_short(value)}", "an object" if kind is dict else "a list")
    if isinstance(form, Each):
        for name, part in value.items() if kind is dict else enumerate(value):
            check(where, source, part, form.form, f"{prefix}{name}")
        return
    for name, inner in form.items():
        if name not in value and not isinstance(inner, Maybe):
            expected = inner.name if isinstance(inner, Kind) else "this key"
            fail(where, f"{subject} has no {name!r}", expected)
        check(where, source, value.setdefault(name), inner, f"{prefix}{name}")


def arguments(where: str, source: str, options: Mapping[str, Any], maker: Callable[..., Any]) -> None:
    """Check the names and types of JSON options against the signature of `maker`.

    Types come from the annotations. Layers nested in a layer are lists and objects in JSON.
    """
    parameters = inspect.signature(maker).parameters
    for name, value in options.items():
        if name not in parameters:
            fail(where, f"{source} has {name!r}", "only " + ", ".join(parameters))
        annotation = parameters[name].annotation  # a class, unless its module postpones annotations
        types = (annotation.__name__ if isinstance(annotation, type) else str(annotation)).split(" | ")
        if not any(_of_annotation(part)(value) for part in types):
            fail(where, f"{source}: {name} is {_short(value)}", f"a value of type {' or '.join(types)}")
    for name, parameter in parameters.items():
        if parameter.default is parameter.empty and name not in options:
            fail(where, f"{source} has no {name!r}", f"a value of type {parameter.annotation}")


def _of_annotation(annotation: str) -> Callable[[Any], bool]:
    """Return a predicate that is true for JSON values of the annotated type."""
    kinds = {"int": WHOLE, "float": REAL, "bool": FLAG, "str": TEXT}
    if annotation in kinds:
        return kinds[annotation].holds
    if annotation == "None":
        return lambda value: value is None
    outer, _, inner = annotation.rstrip("]").partition("[")
    part = _of_annotation(inner.split(", ")[-1]) if inner else lambda value: True
    if outer == "Mapping":
        return lambda value: isinstance(value, dict) and all(map(part, value.values()))
    if outer == "Sequence":
        return lambda value: isinstance(value, list | tuple) and all(map(part, value))
    return lambda value: isinstance(value, dict)  # a layer


def _depth(value: Any) -> int:
    """Return the nesting depth of objects and lists, at most DEPTH + 1."""
    depth, level = 0, [value]
    while level and depth <= DEPTH:
        outer = [part for part in level if isinstance(part, dict | list)]
        level = [inner for part in outer for inner in (part.values() if isinstance(part, dict) else part)]
        depth += 1
    return depth


def _short(value: Any) -> str:
    """Return the repr of a value for errors, shortened to 80 characters."""
    text = repr(value) if type(value) is not int or _is_whole(value) else "a number of more than 64 bits"
    return text if len(text) <= 80 else f"{text[:77]}..."
