"""Identify the code of a kernel by the package's files and by the functions that it calls.

A compiled kernel may be loaded from the disk only if it was compiled from the current code. Two
descriptions ensure this. `package_digest` covers every file of the package. It reads them through
the loader, so a zip archive or a tree of `.pyc` files also has a digest. `describe` covers the
functions in memory: the bytecode and constants of the kernel and of all functions that it calls,
wherever they are defined. The cache is therefore also correct for kernels of a user's program, and
for files that are edited while a process runs.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import sys
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

CODE_FILES = (".py", ".pyc")
# Modules whose code is identified by the versions in the key.
LIBRARIES = frozenset({"builtins", "llvmlite", "numba", "numpy", *sys.stdlib_module_names})
ADDRESS = " at 0x"  # in the default repr of an object, which does not identify its value
# Attributes that hold the Python function of numba's dispatchers and intrinsics, and of functools'
# wrappers.
PYTHON_FUNCTION = "py_func", "_defn", "__wrapped__"


class Unidentified(Exception):
    """A kernel depends on an object that has no description."""


def package_digest(package: str) -> str:
    """Return a digest of the names and contents of a package's code files; "" if it lists none."""
    digest, files = hashlib.sha256(), sorted(_files(importlib.resources.files(package)))
    for path, content in files:
        digest.update(f"{path} {len(content)} ".encode() + content)
    return digest.hexdigest()[:16] if files else ""


def _files(folder: Any, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    """Yield (path, content) of the code files below a folder, except those in `__pycache__`."""
    for entry in folder.iterdir():
        if entry.name.endswith(CODE_FILES):
            yield prefix + entry.name, entry.read_bytes()
        elif entry.name != "__pycache__" and entry.is_dir():
            yield from _files(entry, f"{prefix}{entry.name}/")


def describe(value: Any, seen: dict[Any, int] | None = None) -> Any:
    """Return nested tuples that are equal in every process for values that give the same code.

    `seen` numbers the functions that are already described, so that recursion ends.

    Raises
    ------
    Unidentified
        If a value has no description, for example an instance of a user's class.
    """
    seen = {} if seen is None else seen
    for name in PYTHON_FUNCTION:
        value = getattr(value, name, value)
    if isinstance(value, FunctionType):
        return _function(value, seen)
    if isinstance(value, (ModuleType, type)):
        return type(value).__name__, getattr(value, "__module__", ""), value.__name__
    if isinstance(value, np.ndarray):
        return "array", value.dtype.str, value.shape, hashlib.sha256(value.tobytes()).hexdigest()
    if isinstance(value, (tuple, list)):
        return type(value).__name__, *(describe(part, seen) for part in value)
    if isinstance(value, (set, frozenset)):
        return "set", *sorted(map(repr, value))
    text = repr(value)
    if ADDRESS in text:
        raise Unidentified(text)
    return type(value).__name__, text


def _function(function: FunctionType, seen: dict[Any, int]) -> Any:
    """Describe a function by its code, defaults, closure, and the globals that its code names."""
    definition = function.__module__, function.__qualname__, function.__code__.co_firstlineno
    if (function.__module__ or "").split(".")[0] in LIBRARIES:
        return definition
    if function in seen:
        return "function", seen[function]
    seen[function] = len(seen)
    defaults = (function.__defaults__, function.__kwdefaults__ and sorted(function.__kwdefaults__.items()))
    try:
        closure = [cell.cell_contents for cell in function.__closure__ or ()]
    except ValueError:  # a variable of the factory has no value yet
        raise Unidentified(f"an empty closure of {function}") from None
    named = [*zip(function.__code__.co_freevars, closure, strict=True), *sorted(_globals(function).items())]
    parts = tuple((name, describe(value, seen)) for name, value in named)
    return *definition, _code(function.__code__), describe(defaults, seen), parts


def _globals(function: FunctionType) -> dict[str, Any]:
    """Return the globals and the module attributes that a function may look up.

    Attributes of modules in LIBRARIES are left out.
    """
    names = sorted(set(_names(function.__code__)))
    values = {name: function.__globals__[name] for name in names if name in function.__globals__}
    for module in list(values.values()):
        if isinstance(module, ModuleType) and module.__name__.split(".")[0] not in LIBRARIES:
            attributes = vars(module)
            values |= {f"{module.__name__}.{name}": attributes[name] for name in names if name in attributes}
    return values


def _names(code: CodeType) -> Iterator[str]:
    """Yield the names that the code and the functions inside it look up."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _code(code: CodeType) -> tuple[Any, ...]:
    """Describe bytecode and constants without file names."""
    constants = tuple(_code(c) if isinstance(c, CodeType) else describe(c) for c in code.co_consts)
    table = getattr(code, "co_exceptiontable", b"")  # Python 3.11
    names = code.co_names, code.co_varnames, code.co_freevars
    return code.co_code, table, constants, names, code.co_flags, code.co_argcount
