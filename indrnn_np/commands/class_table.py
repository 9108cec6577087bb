"""The classes and the confusion matrix of `indrnn eval` as text."""

from __future__ import annotations

from typing import Any

from . import table

MOST = 30  # classes in the table
MATRIX = 20  # classes up to which the confusion matrix is printed
NAME = 24  # characters of a name
SHORT = 4  # characters up to which names, not numbers, stand over the columns of the matrix
CORNER = "target / prediction"


def show(console: Any, report: Any) -> None:
    """Print a line for each class, and the confusion matrix of a few classes."""
    from rich.markup import escape

    names = [escape(name if len(name) <= NAME else f"{name[: NAME - 3]}...") for name in report.names]
    columns = report.samples, report.precision, report.recall
    rows = [
        (name, f"{samples:,}", _percent(precision), _percent(recall))
        for name, samples, precision, recall in zip(names, *columns, strict=True)
    ]
    table.show(console, ("class", "samples", "precision", "recall"), [("", rows[:MOST])], ("class",))
    K = len(names)
    if K > MOST:
        console.print(f"the first {MOST} of {K} classes; --json has all of them", highlight=False)
    short = max(map(len, report.names)) <= SHORT
    columns_of = names if short else [str(k) for k in range(1, K + 1)]
    rows_of = names if short else [f"{k} {name}" for k, name in enumerate(names, 1)]
    matrix = [(name, *map(str, row)) for name, row in zip(rows_of, report.confusion, strict=True)]
    if K > MATRIX or _width(columns_of, report.confusion) + NAME > console.width:
        console.print("the confusion matrix is too wide; --json and --plot FILE show it", highlight=False)
        return
    table.show(console, (CORNER, *columns_of), [("", matrix)], (CORNER,))


def _width(names: list[str], confusion: Any) -> int:
    """Return the width of the columns of counts."""
    cells = [[name, str(column.max())] for name, column in zip(names, confusion.T, strict=True)]
    return sum(2 + max(map(len, column)) for column in cells)


def _percent(share: float) -> str:
    """Return a share in percent, "-" for NaN."""
    return "-" if share != share else f"{100 * share:.1f} %"
