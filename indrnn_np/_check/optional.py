"""Import the packages of an extra; the core of the package runs without them."""

from __future__ import annotations

import importlib
from typing import Any

from .scalars import fail


def optional(where: str, module: str, extra: str) -> Any:
    """Return an optional module; if it is not installed, the error names the extra that installs it.

    Raises
    ------
    ModuleNotFoundError
        If the package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name != package:  # the package is installed, and one of its own imports failed
            raise
        expected = f"the package of the extra {extra!r}: pip install 'indrnn-np[{extra}]'"
        fail(where, f"{package} is not installed", expected, error=ModuleNotFoundError)
