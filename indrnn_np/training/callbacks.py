"""The functions of the user that a run calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from .._types import Json, Value

Callback = Callable[[int], object]


@runtime_checkable
class Observer(Protocol):
    """A callback that is called with each line of the metrics instead of each iteration."""

    def observe(self, trainer: Value, line: Json) -> None:
        """Read a line after it was written. The Trainer must not be changed."""
