"""Parse tables of the shapes of an op's arrays, such as "h: T+1 B H, u: H, dh?: T B H".

A name ends with ? if the array may be None. The axes follow its kind (real, int, bool or any; else
real or complex numbers) and `written` if the op changes it. An axis is a letter or a word (T), a
sum (T+1), a multiple (4H), an axis that the array may lack (T?), or any number of axes (...). Equal
letters stand for equal sizes.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Sizes = dict[str, int | None]  # size by letter; None for an axis that the arrays lack
KINDS = ("real", "int", "bool", "any")
MEANINGS = {
    "T": "time", "T+1": "initial state and time", "B": "batch", "D": "inputs", "H": "units", "K": "classes",
    "P": "parameters", "V": "symbols", "ΣF": "frames of all samples", "N": "samples",
}  # fmt: skip


class Axis(NamedTuple):
    """An axis with factor · letter + offset elements."""

    letter: str
    factor: int
    offset: int
    optional: bool


class Row(NamedTuple):
    """The row of a table about one array."""

    name: str
    optional: bool
    kind: str
    written: bool
    layout: str
    axes: tuple[Axis, ...]


@functools.cache
def parse(table: str) -> tuple[Row, ...]:
    """Return the rows of a table."""
    return tuple(_row(*row.split(": ")) for row in table.split(", "))


def _row(name: str, text: str) -> Row:
    words = text.split()
    kind = next((word for word in words if word in KINDS), "float")
    shape = [word for word in words if word not in (*KINDS, "written")]
    axes = tuple(axis for word in shape for axis in _axes(word))
    return Row(name.rstrip("?"), "?" in name, kind, "written" in words, _layout(shape, kind), axes)


def _axes(word: str) -> list[Axis]:
    """Return the axes that one word describes."""
    if word == "...":
        return [Axis(f"...{n}", 1, 0, True) for n in range(64)]  # NumPy's largest number of axes
    factor, letter, offset, mark = re.fullmatch(r"(\d*)(\D+?)(?:\+(\d+))?(\??)", word).groups()  # type: ignore[union-attr]
    return [Axis(letter, int(factor or 1), int(offset or 0), bool(mark))]


def _layout(shape: list[str], kind: str) -> str:
    """Return the axes for an error: "(T, B, H): time, batch, units", or "(B, H) or (T, B, H)"."""
    lacking = [word for word in shape if "?" in word]
    forms = [
        [word.rstrip("?") for word in shape if word not in lacking[:n]] for n in range(len(lacking), -1, -1)
    ]
    layout = " or ".join(f"({', '.join(form)}{',' * (len(form) == 1)})" for form in forms)
    layout += {"int": " integers", "bool": " booleans"}.get(kind, "")
    meanings = [MEANINGS[word] for word in shape if word in MEANINGS]
    return f"{layout}: {', '.join(meanings)}" if len(meanings) == len(shape) else layout


def bind(axes: tuple[Axis, ...], shape: tuple[int, ...], sizes: Sizes) -> bool:
    """Return whether a shape fits the known sizes; add the sizes of new letters to them."""
    aligned = _align(axes, shape)
    for (letter, factor, offset, _), size in zip(axes, aligned, strict=False):
        if size is not None:
            size, rest = divmod(size - offset, factor)
            if rest or size < 0:
                return False
        if sizes.setdefault(letter, size) != size:
            return False
    return len(aligned) == len(axes)


def _align(axes: tuple[Axis, ...], shape: tuple[int, ...]) -> tuple[int | None, ...]:
    """Return the size of each axis, None for lacking axes; () if the number of axes is wrong."""
    optional, lacking = [axis for axis in axes if axis.optional], len(axes) - len(shape)
    if not 0 <= lacking <= len(optional):
        return ()
    sizes = iter(shape)
    return tuple(None if axis in optional[:lacking] else next(sizes) for axis in axes)


def required(
    row: Row, rows: Sequence[Row], values: Sequence[Any], known: Mapping[str, int]
) -> tuple[str, str]:
    """Return the required shape of a row's array, and the arrays and numbers that require it."""
    sizes: Sizes = dict(known)
    sources = {letter: f"{letter} = {size}" for letter, size in known.items()}
    for other, value in zip(rows, values, strict=True):
        if other is row:
            break
        if value is not None:
            bind(other.axes, value.shape, sizes)
            sources = dict.fromkeys(sizes, f"{other.name} with shape {value.shape}") | sources
    because = " and ".join(dict.fromkeys(sources[axis.letter] for axis in row.axes if axis.letter in sources))
    actual = zip(row.axes, _align(row.axes, value.shape), strict=False)
    sizes = {axis.letter: size for axis, size in actual if axis.factor == 1 and axis.offset == 0} | sizes
    if any(axis.letter not in sizes for axis in row.axes):
        return row.layout, f"to match {because}" if because else ""
    expected = ((axis, sizes[axis.letter]) for axis in row.axes)
    shape = tuple(axis.factor * size + axis.offset for axis, size in expected if size is not None)
    return f"{shape}", f"to match {because or row.layout}"
