"""Tables of results that stay readable in a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

NARROW = 30  # columns to which the cells of the first column may be wrapped
WIDEST = 1000  # columns of an imagined terminal, in which every table has its full width
Groups = Sequence[tuple[str, Sequence[Sequence[str]]]]  # title and rows of each group


def show(
    console: Any, header: Sequence[str], groups: Groups, words: Collection[str], optional: Sequence[str] = ()
) -> None:
    """Print a table, and leave out `optional` columns as long as it is wider than the terminal.

    Parameters
    ----------
    console : rich.console.Console
        Output.
    header : sequence of str
        Names of the columns.
    groups : sequence of pairs
        Title and rows of each group; a title stands in the first column, an empty one has no line.
        Cells and titles are console markup.
    words : collection of str
        Columns that are aligned to the left.
    optional : sequence of str
        Columns to leave out, the least important one first.
    """
    left_out: list[str] = []
    while _width(console, table := _table(header, groups, words, left_out)) > console.width:
        if len(left_out) == len(optional):
            break
        left_out.append(optional[len(left_out)])
    console.print(table)
    if left_out:
        names = ", ".join(left_out)
        console.print(f"a wider terminal also shows: {names}; --json has every number", highlight=False)


def _width(console: Any, table: Any) -> int:
    """Return the columns that the table needs if its first column is wrapped."""
    from rich.measure import Measurement

    first, most = table.columns[0], table.columns[0].max_width
    first.max_width = NARROW
    width = Measurement.get(console, console.options.update(width=WIDEST), table).maximum
    first.max_width = most
    return width


def _table(header: Sequence[str], groups: Groups, words: Collection[str], left_out: Collection[str]) -> Any:
    from rich import box
    from rich.table import Table

    shown = [number for number, name in enumerate(header) if name not in left_out]
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
    for number in shown:
        table.add_column(
            header[number], justify="left" if header[number] in words else "right", no_wrap=number > 0
        )
    for title, rows in groups:
        if title:
            table.add_row(f"[bold]{title}[/]")
        for row in rows:
            table.add_row(*(row[number] for number in shown))
        table.add_section()
    return table
