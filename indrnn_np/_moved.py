"""Module paths of version 0.1.0 that have moved. Importing one warns and returns the module at its new path.

The classes do not inherit from importlib.abc, because importing that takes longer than importing the package.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

PACKAGE = __name__.partition(".")[0]
MOVED = {
    "_environment": "_cpu.environment",
    "build": "settings.build",
    "checkpoint": "training.checkpoint",
    "cli": "commands.cli",
    "generate": "networks.generate",
    "gradcheck": "_gradcheck",
    "inference": "networks.inference",
    "interop": "networks.interop",
    "losses": "optim.losses",
    "memory": "training.memory_estimate",
    "published": "reproduce.published",
    "recompute": "networks.recompute",
    "schedules": "optim.schedules",
    "sequential": "networks.sequential",
    "setting_tables": "settings.tables",
    "stack": "networks.checks",
    "train": "training.fit",
}


def new_path(name: str) -> str | None:
    """Return the new path of a module of version 0.1.0, None if it did not move.

    >>> new_path("indrnn_np.gradcheck.report")
    'indrnn_np._gradcheck.report'
    """
    package, _, path = name.partition(".")
    head, dot, rest = path.partition(".")
    return f"{PACKAGE}.{MOVED[head]}{dot}{rest}" if package == PACKAGE and head in MOVED else None


class Finder:
    """Find modules under their old paths. `indrnn_np/__init__.py` puts one before Python's own finders."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return a spec for an old path, None for any other."""
        if new_path(fullname) is None:
            return None
        return ModuleSpec(fullname, _Alias(), is_package=True)  # type: ignore[arg-type]


class _Alias:
    """Load the module at the new path under its old name."""

    def create_module(self, spec: ModuleSpec) -> None:
        """Let Python make a module; `exec_module` replaces it."""

    def exec_module(self, module: ModuleType) -> None:
        """Warn, and put the module of the new path in the place of `module`."""
        old, new = module.__name__, str(new_path(module.__name__))
        warnings.warn(
            f"{old} has moved to {new}, expected an import from there", DeprecationWarning, stacklevel=2
        )
        found = importlib.import_module(new)
        if old == f"{PACKAGE}.gradcheck":
            # Python binds this entry to the package's attribute `gradcheck`, which is a function of this module. So the
            # function stands here, with the names of its module.
            found.gradcheck.__dict__.update(vars(found))
            found = found.gradcheck
        sys.modules[old] = found
