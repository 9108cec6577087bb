"""The table behind `time="auto"`: the sequence lengths from which a scan over time is faster.

The package ships time_table.json; `--time-table FILE` and `fit(..., time_table=FILE)` replace it:

    {
      "format": "indrnn_np time table", "version": 1,
      "backends": {
        "cuda": {"source": "measured on ...", "least_steps": {"relu": [[256, 1024], [1024, 4096]], ...}}
      }
    }

A pair [N, T] means: with at most N columns B·H, scan sequences of at least T time steps. The first
pair with enough columns counts. With more columns than in any pair, the recurrence is serial.
"""

from __future__ import annotations

import functools
import importlib.resources
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import _check, _files
from .._files import forms
from .._types import Value

# Values of the option `time`: time step by time step, as a scan over time, or the faster one by the table.
SERIAL, PARALLEL, AUTO = TIMES = ("serial", "parallel", "auto")

FORMAT, VERSION = "indrnn_np time table", 1
SHIPPED = "time_table.json"
NEVER = 10**12  # time steps, for columns with which a scan is never faster
WHERE = "time table"


def _ascending(value: Value) -> bool:
    """Return whether a JSON value is a list of pairs of positive numbers with increasing columns."""
    pairs = isinstance(value, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(map(forms.POSITIVE.holds, pair)) for pair in value
    )
    return pairs and all(one[0] < other[0] for one, other in itertools.pairwise(value))


PAIRS = forms.Kind("a list of pairs [columns, least steps], with increasing columns", _ascending)
FORM: dict[str, forms.Form] = {
    "format": forms.TEXT, "version": forms.POSITIVE,
    "backends": forms.Each({"source": forms.TEXT, "least_steps": forms.Each(PAIRS)}),
}  # fmt: skip


@dataclass(frozen=True)
class TimeTable:
    """Least number of time steps of a scan, by backend, activation and number of columns.

    Parameters
    ----------
    origin : str
        File of the table, for errors and logs.
    least_steps : mapping
        For each backend and activation the pairs (columns, least steps) of the file.

    Examples
    --------
    >>> table = TimeTable("example", {"cpu": {"relu": [(16, 1000)]}})
    >>> table.choice("cpu", "relu", steps=5000, columns=8), table.choice("cpu", "relu", steps=5000, columns=32)
    ('parallel', 'serial')
    """

    origin: str
    least_steps: Mapping[str, Mapping[str, Sequence[tuple[int, int]]]]

    def choice(self, backend: str, activation: str, steps: int, columns: int) -> str:
        """Return "serial" or "parallel" for a sequence of `steps` time steps and B·H `columns`.

        Raises
        ------
        ValueError
            If the table does not list the backend or the activation.
        """
        activations = self.least_steps.get(backend, {})
        if activation not in activations:
            because = "because time='auto' needs one; choose 'serial' or 'parallel' instead"
            problem = f"{self.origin} has no entry for backend {backend!r} and activation {activation!r}"
            _check.fail(WHERE, problem, "an entry", because)
        for most, least in activations[activation]:
            if columns <= most:
                return PARALLEL if steps >= least else SERIAL
        return SERIAL


@functools.cache
def shipped() -> TimeTable:
    """Return the table of the package."""
    content = importlib.resources.files(__package__).joinpath(SHIPPED).read_bytes()
    return _table("the table of the package", content)


def read(path: str | Path) -> TimeTable:
    """Return the table in a file.

    Raises
    ------
    ValueError
        If the file is not a time table; the message names the key, its value and what was expected.
    FileNotFoundError
        If there is no such file.
    """
    path = _files.user_path(WHERE, "time_table", path)
    forms.file(WHERE, path, "a JSON file with a time table")
    return _table(str(path), path.read_bytes())


def _table(origin: str, content: bytes) -> TimeTable:
    """Return the table in the content of a file after checking it."""
    loaded = forms.json_object(WHERE, origin, content, {})
    if loaded.get("format") != FORMAT:
        _check.fail(WHERE, f"{origin} has format {loaded.get('format')!r}", repr(FORMAT))
    forms.check(WHERE, origin, loaded, FORM)
    if loaded["version"] > VERSION:
        because = "because this release of indrnn_np knows no newer one"
        _check.fail(WHERE, f"{origin} has version {loaded['version']}", f"at most {VERSION}", because)
    return TimeTable(origin, {name: part["least_steps"] for name, part in loaded["backends"].items()})
