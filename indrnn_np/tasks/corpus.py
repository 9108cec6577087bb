"""Texts as numbers: files read, cut into symbols, and counted.

    kind      a symbol is                                                         at the end of a line
    text      a character                                                         the line feed
    line      a character of the line without its outer spaces, "_" for a space   the line feed
    spaced    what stands between two spaces                                      the line feed
    words     what stands between white space                                     <eos>

The vocabulary is that of the training text, sorted. A symbol that stands in another text only has no number: an error
that says where it stands.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import _check
from ._lines import at, read

SPLITS = ("train", "validation", "test")
END = "<eos>"
ENDS = {"text": "\n", "line": "\n", "spaced": "\n", "words": END}
PATTERNS = {"text": r".", "line": r".", "spaced": r"[^ ]+", "words": r"\S+"}  # of a symbol, in a line


@dataclass(frozen=True)
class Corpus:
    """Three texts as numbers. vocabulary: the symbols by number; ids: int32 (N,) by split; sha256: of the texts."""

    vocabulary: list[str]
    ids: dict[str, np.ndarray]
    sha256: dict[str, str]

    def entropy(self) -> float:
        """The nats a symbol that training's own frequencies give to training: a guess that knows no context."""
        shares = np.bincount(self.ids["train"]) / len(self.ids["train"])
        return float(-np.sum(shares * np.log(shares)))  # each symbol of the vocabulary occurs


def load(where: str, data: str | Path, words: bool) -> Corpus:
    """Read a text file, or a folder with a Penn Treebank.

    Parameters
    ----------
    where
        Who asks, for errors.
    data
        A text file: its first 90 % of symbols are for training, then 5 % for validation and 5 % for the test. Or a
        folder with ptb.train.txt, ptb.valid.txt, ptb.test.txt; characters are read from ptb.char.train.txt, ... if
        they are there.
    words
        Symbols are words, not characters.
    """
    path = Path(data)
    if path.is_dir():
        return _folder(where, path, words)
    kind = "words" if words else "text"
    symbols = parse(kind, read(where, path))
    first, second = len(symbols) * 90 // 100, len(symbols) * 95 // 100
    texts = {"train": symbols[:first], "validation": symbols[first:second], "test": symbols[second:]}
    place = {"train": 0, "validation": first, "test": second}
    return _number(where, texts, {split: (path, kind, start) for split, start in place.items()})


def _folder(where: str, folder: Path, words: bool) -> Corpus:
    names = {"train": "train.txt", "validation": "valid.txt", "test": "test.txt"}
    single = not words and any((folder / f"ptb.char.{name}").is_file() for name in names.values())
    kind = "words" if words else "spaced" if single else "line"
    paths = {split: folder / f"ptb.{'char.' if single else ''}{name}" for split, name in names.items()}
    texts = {split: parse(kind, read(where, path)) for split, path in paths.items()}
    return _number(where, texts, {split: (path, kind, 0) for split, path in paths.items()})


def same_symbols(where: str, task: Mapping[str, Any], before: Mapping[str, Any], path: Path) -> None:
    """Check that a task, as it describes itself, has the vocabulary of the one that a checkpoint at `path` tells of."""
    if task.get("vocabulary") != before.get("vocabulary"):
        _check.fail(where, f"the symbols of the data are not those of {path}", "the same vocabulary",
                    "because the network knows symbols by their numbers")  # fmt: skip


def parse(kind: str, lines: Sequence[str]) -> list[str]:
    """Return the symbols of a text's lines; the end of the last line is one only if an empty line follows it."""
    *whole, rest = lines
    if kind == "text":
        return list("\n".join(lines))
    whole = [*whole, rest] if rest else whole
    return [symbol for line in whole for symbol in (*_symbols(kind, line), ENDS[kind])]


def _symbols(kind: str, line: str) -> Sequence[str]:
    if kind == "line":
        return line.strip(" ").replace(" ", "_")
    return line.split() if kind == "words" else [part for part in line.split(" ") if part]


def _number(where: str, texts: dict[str, list[str]], places: dict[str, tuple[Path, str, int]]) -> Corpus:
    """The texts as numbers; `places`: of each text the file, how it was read, and its first symbol there."""
    for split, symbols in texts.items():
        if len(symbols) < 2:
            _check.fail(where, f"{places[split][0]} holds {len(symbols)} symbols for {split}", "at least two")
    vocabulary = sorted(set(texts["train"]))
    number = {symbol: i for i, symbol in enumerate(vocabulary)}
    for split in SPLITS[1:]:
        unknown = set(texts[split]) - set(number)
        if unknown:
            i = next(i for i, symbol in enumerate(texts[split]) if symbol in unknown)
            path, kind, start = places[split]
            line, column = _place(kind, read(where, path), start + i)
            _check.fail(
                where, f"{at(path, line)} column {column}, has {texts[split][i]!r} in the {split} text",
                "a symbol of the training text", f"which has {len(vocabulary)} of them",
            )  # fmt: skip
    ids = {split: np.array([number[s] for s in symbols], np.int32) for split, symbols in texts.items()}
    return Corpus(vocabulary, ids, {split: _hash(symbols) for split, symbols in texts.items()})


def _place(kind: str, lines: Sequence[str], i: int) -> tuple[int, int]:
    """The line and column of symbol number i, from 1."""
    for line, text in enumerate(lines, start=1):
        columns = list(_columns(kind, text))
        if i <= len(columns):
            return line, [*columns, len(text) + 1][i]  # the last is the line's end
        i -= len(columns) + 1
    raise AssertionError("a symbol of the text stands in one of its lines")


def _columns(kind: str, text: str) -> Iterator[int]:
    outer = text.strip(" ") if kind == "line" else text
    first = text.index(outer) + 1 if outer else 1
    return (first + found.start() for found in re.finditer(PATTERNS[kind], outer, re.DOTALL))


def _hash(symbols: Sequence[str]) -> str:
    return hashlib.sha256("\x00".join(symbols).encode()).hexdigest()[:16]
