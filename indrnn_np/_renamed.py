"""Names of version 0.1.0 that have changed. Files and command lines may hold the old ones; code that uses one warns."""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

SETTINGS = {"bn_place": "norm_place", "bn_per_step": "per_step", "bn_positions": "positions"}
# Settings that every run of 0.1.0 stores besides `patience`.
SCHEDULE = ("schedule", "lr", "lr_every", "lr_factor", "lr_minimum", "warmup", "momentum")
# Arguments of layers by the layer's type, as in the checkpoints of 0.1.0.
LAYERS = {"Embedding": {"weight_dropout": "embedding_dropout"}}
# Arguments of the networks plain, residual and dense.
NETWORKS = {"norm": "norm_place", "weight_dropout": "embedding_dropout"}


def settings(content: Mapping[str, Any]) -> dict[str, str]:
    """Return the new names of settings for a file with this content.

    `patience` was that of a plateau schedule. A run of 0.1.0 stores all its settings, among them all of
    its schedule; 0.2.0 has `lr_patience` beside them.
    """
    old = {"patience", *SCHEDULE} <= set(content) and "lr_patience" not in content
    return SETTINGS | ({"patience": "lr_patience"} if old else {})


def read(where: str, values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return `values` under their new names. One line on stderr lists the old names and the new ones.

    Parameters
    ----------
    where
        What the line and an error begin with, such as the file's path.
    values
        Options by name.
    names
        The new name of each old one.

    Raises
    ------
    ValueError
        If `values` holds an option under both names.

    Examples
    --------
    >>> read("a.toml", {"hidden": 8, "per_step": True}, SETTINGS)
    {'hidden': 8, 'per_step': True}
    """
    old = [name for name in values if name in names]
    for name in old:
        if names[name] in values:
            raise ValueError(f"{where}: {name} and {names[name]} are both set, expected {names[name]} only")
    if old and sys.stderr is not None:
        renamed = ", ".join(f"{name} is now {names[name]}" for name in old)
        sys.stderr.write(f"{where}: {renamed}\n")
    return {names.get(name, name): value for name, value in values.items()}


def keywords(names: Mapping[str, str]) -> Callable[[F], F]:
    """Return a decorator that lets a function take old keywords, with a DeprecationWarning that names the new ones."""

    def decorate(function: F) -> F:
        called = function.__qualname__.removesuffix(".__init__")

        @functools.wraps(function)
        def takes_both(*args: Any, **options: Any) -> Any:
            for old in [name for name in options if name in names]:
                new = names[old]
                if new in options:
                    raise TypeError(f"{called}: {old} and {new} are both set, expected {new} only")
                warnings.warn(f"{called}: {old} is now {new}", DeprecationWarning, stacklevel=2)
                options[new] = options.pop(old)
            return function(*args, **options)

        return takes_both  # type: ignore[return-value]

    return decorate


def attribute(module: str, name: str, names: Mapping[str, str]) -> Any:
    """Return the object that `module` had under an old name, with a DeprecationWarning.

    A module calls it in its `__getattr__`.

    Parameters
    ----------
    module
        The module's own name.
    name
        The attribute that Python did not find.
    names
        The new name of each old one, which may lead through a submodule: "networks.dense".

    Raises
    ------
    AttributeError
        If `name` is no old name.
    """
    if name not in names:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    warnings.warn(f"{module}.{name} is now {module}.{names[name]}", DeprecationWarning, stacklevel=3)
    return attrgetter(names[name])(sys.modules[module])
