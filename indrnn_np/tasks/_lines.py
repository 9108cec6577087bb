"""Read untrusted text files of numbers; errors name the file and the line."""

from __future__ import annotations

import math
import re
from pathlib import Path

from .. import _check
from .._files import forms

LARGE = 2**20  # bytes; smaller files skip the look-up of free memory, which takes about 1 ms
STRAY = re.compile("[\udc80-\udcff]")  # a byte that is not UTF-8, after `decode`


def read(where: str, path: Path) -> list[str]:
    """Return the lines of a UTF-8 file, without line ends and without a byte order mark."""
    lines = decode(where, path)
    for number, line in enumerate(lines, 1):
        text(where, at(path, number), line)
    return lines


def decode(where: str, path: Path) -> list[str]:
    """Return the lines like `read`; a byte that is not UTF-8 becomes a STRAY character."""
    forms.file(where, path, "a file")
    if path.stat().st_size > LARGE:
        _check.fits_memory(where, f"{path}", path.stat().st_size)
    decoded = path.read_bytes().decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    return decoded.replace("\r\n", "\n").split("\n")  # splitlines would also split at form feeds


def text(where: str, place: str, line: str) -> str:
    """Return a line after checking that it is valid UTF-8."""
    stray = STRAY.search(line)
    if stray is not None:
        _check.fail(where, f"{place} holds the byte 0x{ord(stray[0]) - 0xDC00:02x}", "text in UTF-8")
    return line


def at(path: Path, line: int) -> str:
    """Return the name of a line in error messages; lines count from 1."""
    return f"{path}, line {line},"


def number(text: str) -> float:
    """Return the value of a text, NaN if it is not a finite number."""
    foreign = "_" in text or not text.isascii()  # Python accepts 1_000 and digits of other scripts
    try:
        value = math.nan if foreign else float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def count(where: str, place: str, quantity: str, text: str) -> int:
    """Return a count that is written in decimal digits only; `quantity` names it in errors."""
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        _check.fail(where, f"{place} has {text!r} for {quantity}", "a whole number")
    return int(text)
