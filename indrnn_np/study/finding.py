"""What every instrument returns: arrays by name, the main number in words, a table, a picture."""

from __future__ import annotations

import csv
import dataclasses
import io
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from .. import _check, _files

SUFFIXES = (".npz", ".csv")
Table = Mapping[str, Any]  # columns of one length by name: arrays or lists


class Finding(ABC):
    """What one instrument found out about one network.

    A subclass is a frozen dataclass of arrays, names and numbers with a field `title` (whose it is, such as "IndRNN").
    `kind` is the name of its drawing in `indrnn_np.plots`. In a notebook the last line of a cell shows its words, and
    `.plot()` the picture.
    """

    kind: ClassVar[str]
    title: str

    @abstractmethod
    def words(self) -> str:
        """The main number, in one sentence."""

    @abstractmethod
    def table(self) -> Table:
        """The numbers worth reading one by one: columns of one length by name, with their units."""

    def arrays(self) -> dict[str, np.ndarray]:
        """All fields by name, as NumPy arrays; None is left out."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}  # type: ignore[arg-type]
        return {name: np.asarray(value) for name, value in values.items() if value is not None}

    def save(self, path: str | Path) -> Path:
        """Write all arrays as .npz (readable by numpy.load, without pickles), or the table as .csv; returns the path.

        Raises ValueError for another suffix.
        """
        path = Path(path)
        _check.choice("Finding.save", "the suffix of path", path.suffix, SUFFIXES)
        if path.suffix == ".csv":
            text = to_csv(self.table())
            _files.replace("Finding.save", path, lambda file: file.write(text.encode()))
        else:
            named: dict[str, Any] = {
                "kind": np.asarray(self.kind),
                "words": np.asarray(self.words()),
                **self.arrays(),
            }
            _files.replace("Finding.save", path, lambda file: np.savez_compressed(file, **named))
        return path

    def plot(self, *others: Finding, path: str | Path | None = None, theme: str = "light") -> Any:
        """Draw it, `others` of its kind beside it; returns a matplotlib Figure, written to `path` too if that is given.

        theme "light" or "dark"; the suffix of path says which format (.png, .svg, .pdf).
        """
        from .. import plots

        strange = {other.kind for other in others} - {self.kind}
        if strange:
            _check.fail(
                "Finding.plot", f"others hold {sorted(strange)}", f"findings of kind {self.kind!r} only"
            )
        with plots.theme(theme):
            figure = getattr(plots, self.kind)(self, *others)
            if path is not None:
                figure.savefig(path)
        return figure

    def __repr__(self) -> str:
        title = f" {self.title}:" if self.title else ""
        return f"<{type(self).__name__}{title} {self.words()}>"


def to_csv(table: Table) -> str:
    """A table as CSV with a line of names; numbers are written so that they are read back exactly."""
    lengths = {name: len(column) for name, column in table.items()}
    if len(set(lengths.values())) > 1:
        _check.fail("to_csv", f"columns have lengths {lengths}", "one length")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table)
    for row in zip(*table.values(), strict=True):
        writer.writerow([value.item() if isinstance(value, np.generic) else value for value in row])
    return text.getvalue()
