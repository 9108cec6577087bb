"""Base class of the results of instruments: arrays, main number, table and figure."""

from __future__ import annotations

import base64
import csv
import dataclasses
import html
import io
from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import numpy as np

from .. import _check, _files
from .._types import Array, DataFrame, Figure, Json, Value

SUFFIXES = (".npz", ".csv")
Table = Mapping[str, Value]  # columns of one length by name: arrays or lists


class Finding(ABC):
    """Result of an instrument for one network.

    A subclass is a frozen dataclass of arrays, names and numbers. Its field `title` names the
    network in figures, such as "IndRNN". `kind` is the name of its function in `indrnn_np.plots`.
    The repr is the sentence of `.words()`, which notebooks show.
    """

    kind: ClassVar[str]
    title: str

    @abstractmethod
    def words(self) -> str:
        """Return a sentence with the main number."""

    @abstractmethod
    def table(self) -> Table:
        """Return the main numbers as named columns of equal length; the names carry units."""

    def arrays(self) -> dict[str, Array]:
        """Return all fields by name as NumPy arrays, without fields that are None."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}  # type: ignore[arg-type]
        return {name: np.asarray(value) for name, value in values.items() if value is not None}

    def save(self, path: str | Path) -> Path:
        """Write all arrays as .npz (without pickles) or the table as .csv, and return the path.

        Raises
        ------
        ValueError
            If the suffix of `path` is neither .npz nor .csv.
        """
        path = _files.user_path("Finding.save", "path", path)
        _check.choice("Finding.save", "the suffix of path", path.suffix, SUFFIXES)
        if path.suffix == ".csv":
            _files.replace_text("Finding.save", path, to_csv(self.table()))
        else:
            arrays: Json = {"kind": np.asarray(self.kind), "words": np.asarray(self.words()), **self.arrays()}
            _files.replace("Finding.save", path, lambda file: np.savez_compressed(file, **arrays))
        return path

    def plot(self, *others: Finding, path: str | Path | None = None, theme: str = "light") -> Figure:
        """Draw the finding, next to `others` of the same kind, and return a matplotlib Figure.

        Parameters
        ----------
        *others : Finding
            Further findings of the same kind.
        path : path, optional
            File to write the figure to. Its suffix selects the format (.png, .svg, .pdf).
        theme : {"light", "dark"}
            Colours of the figure.
        """
        from .. import plots

        mismatched = {other.kind for other in others} - {self.kind}
        if mismatched:
            _check.fail(
                "Finding.plot", f"others hold {sorted(mismatched)}", f"findings of kind {self.kind!r} only"
            )
        return plots.style.draw(getattr(plots, self.kind), self, *others, path=path, theme_name=theme)

    def to_pandas(self) -> DataFrame:
        """Return the table as a pandas DataFrame (extra `notebook`)."""
        return _check.optional("Finding.to_pandas", "pandas", "notebook").DataFrame(self.table())

    def _repr_html_(self) -> str | None:
        """Return the sentence and the figure, which a notebook shows; None without matplotlib."""
        if find_spec("matplotlib") is None:
            return None
        png, size = self.plot()._repr_png_()
        words = html.escape(f"{self.title or type(self).__name__}: {self.words()}")
        data = base64.b64encode(png).decode()
        image = f'<img alt="{words}" width="{size["width"]}" src="data:image/png;base64,{data}">'
        return f"<p>{words}</p>{image}"

    def __repr__(self) -> str:
        title = f" {self.title}:" if self.title else ""
        return f"<{type(self).__name__}{title} {self.words()}>"


def to_csv(table: Table) -> str:
    """Return a table as CSV with a header line; numbers survive a round trip exactly."""
    lengths = {name: len(column) for name, column in table.items()}
    if len(set(lengths.values())) > 1:
        _check.fail("to_csv", f"columns have lengths {lengths}", "one length")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table)
    for row in zip(*table.values(), strict=True):
        writer.writerow([value.item() if isinstance(value, np.generic) else value for value in row])
    return text.getvalue()
