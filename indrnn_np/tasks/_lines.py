"""Text files of numbers, read without trusting them: errors name the file and the line."""

from __future__ import annotations

import math
from pathlib import Path

from .. import _check


def read(where: str, path: Path) -> list[str]:
    """Return the lines of a UTF-8 file, without their ends; a mark of byte order in front is passed over."""
    if not path.is_file():
        _check.fail(where, f"{path} is not there", "a file", error=FileNotFoundError)
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        _check.fail(where, f"{at(path, line)} holds the byte 0x{data[error.start]:02x}", "text in UTF-8")
    return text.replace("\r\n", "\n").split("\n")  # not splitlines, which also ends lines at rarer characters


def at(path: Path, line: int) -> str:
    """Return the words for a place; lines count from 1."""
    return f"{path}, line {line},"


def number(text: str) -> float:
    """Return a finite number, NaN for anything else."""
    try:
        value = math.nan if "_" in text else float(text)  # Python, not the formats, takes 1_000
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def count(where: str, place: str, what: str, text: str) -> int:
    """Return a number of things, written in digits alone."""
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        _check.fail(where, f"{place} has {text!r} for {what}", "a whole number")
    return int(text)
