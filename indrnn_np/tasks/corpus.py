"""Texts as sequences of numbers: read files, split them into symbols and number the symbols.

    kind      a symbol is                                                         at the end of a line
    text      a character                                                         the line feed
    line      a character of the line without its outer spaces, "_" for a space   the line feed
    spaced    text between two spaces                                             the line feed
    words     text between white space                                            <eos>
    running   text between white space                                            none

The vocabulary contains the symbols of the training text, sorted. A symbol that occurs only in
another text is an error, which names its line and column. A single text file is read by looser
rules, because it has no prepared splits:

- The vocabulary of characters covers the whole file.
- Words that occur only in validation or test become <unk>. If the training text has no <unk>, its
  words that occur once become <unk> too, so that the network learns a representation for it.
- If the training part is a single line, words are read as `running`, because <eos> would not occur
  in training.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import _check, _files
from .._types import Array, Json
from ._lines import at, read
from .standardise import same_scaling

SPLITS = ("train", "validation", "test")
END, UNKNOWN = "<eos>", "<unk>"
# Entries of the description of a task, and their names in errors.
NUMBERED = {"vocabulary": "symbols", "classes": "classes", "labels": "labels"}
FREQUENT = 2  # a word with fewer occurrences becomes <unk>
ENDS = {"text": "\n", "line": "\n", "spaced": "\n", "words": END, "running": None}
# Regular expression of a symbol in a line.
PATTERNS = {"text": r".", "line": r".", "spaced": r"[^ ]+", "words": r"\S+", "running": r"\S+"}


@dataclass(frozen=True)
class Corpus:
    """The texts of the three splits as numbers.

    Attributes
    ----------
    vocabulary : list of str
        The symbols in the order of their numbers.
    ids : dict of int32 arrays (N,)
        The numbers of each split's symbols.
    sha256 : dict of str
        The hash of each split's symbols.
    """

    vocabulary: list[str]
    ids: dict[str, Array]
    sha256: dict[str, str]

    def entropy(self) -> float:
        """Return the entropy of the training symbols' frequencies, in nats per symbol."""
        counts = np.bincount(self.ids["train"])
        shares = counts[counts > 0] / len(self.ids["train"])
        return float(-np.sum(shares * np.log(shares)))

    def unknown(self) -> dict[str, int]:
        """Return the number of <unk> in each text; empty if the vocabulary has no <unk>."""
        if UNKNOWN not in self.vocabulary:
            return {}
        number = self.vocabulary.index(UNKNOWN)
        return {split: int(np.sum(ids == number)) for split, ids in self.ids.items()}


def load(where: str, data: str | Path, words: bool) -> Corpus:
    """Read a text file, or a folder with a Penn Treebank.

    Parameters
    ----------
    where : str
        Name of the caller in error messages.
    data : path
        A text file, whose first 90 % of symbols are for training, the next 5 % for validation and
        the last 5 % for test; or a folder with ptb.train.txt, ptb.valid.txt and ptb.test.txt.
        Characters are read from ptb.char.train.txt, ... if these files exist.
    words : bool
        Whether symbols are words; otherwise they are characters.
    """
    path = _files.user_path(where, "data", data)
    if path.is_dir():
        return _folder(where, path, words)
    lines = read(where, path)
    if not words:
        _check.fits_memory(where, f"{path} as a list of characters", 8 * sum(map(len, lines)))
    kind = "words" if words else "text"
    symbols = parse(kind, lines)
    if words and END not in symbols[: len(symbols) * 90 // 100]:
        kind, symbols = "running", parse("running", lines)
    first, second = len(symbols) * 90 // 100, len(symbols) * 95 // 100
    texts = {"train": symbols[:first], "validation": symbols[first:second], "test": symbols[second:]}
    place = {"train": 0, "validation": first, "test": second}
    places = {split: (path, kind, start) for split, start in place.items()}
    if words:
        return _number(where, _with_unknown(texts), places)
    return _number(where, texts, places, sorted(set(symbols)))


def _with_unknown(texts: dict[str, list[str]]) -> dict[str, list[str]]:
    """Replace words absent from training by <unk>, if training has a <unk> or rare words."""
    counts = Counter(texts["train"])
    frequent = {word for word, count in counts.items() if count >= FREQUENT or UNKNOWN in counts}
    known = all(set(symbols) <= set(counts) for symbols in texts.values())
    if known or (UNKNOWN not in counts and len(frequent) == len(counts)):
        return texts
    return {split: [s if s in frequent else UNKNOWN for s in symbols] for split, symbols in texts.items()}


def _folder(where: str, folder: Path, words: bool) -> Corpus:
    names = {"train": "train.txt", "validation": "valid.txt", "test": "test.txt"}
    single = not words and any((folder / f"ptb.char.{name}").is_file() for name in names.values())
    kind = "words" if words else "spaced" if single else "line"
    paths = {split: folder / f"ptb.{'char.' if single else ''}{name}" for split, name in names.items()}
    texts = {split: parse(kind, read(where, path)) for split, path in paths.items()}
    return _number(where, texts, {split: (path, kind, 0) for split, path in paths.items()})


def same_numbers(where: str, task: Json, before: Json, path: Path) -> None:
    """Check that a task numbers symbols and classes, and scales inputs, like the task in a checkpoint."""
    same_scaling(where, task, before, path)
    for key, entries in NUMBERED.items():
        now, then = task.get(key), before.get(key)
        if json.dumps(now) != json.dumps(then) and (key in before or key == "vocabulary"):
            short = "" if key == "vocabulary" else f" ({now}, {then} there)"
            problem = f"the {entries} of the data are not those of {path}{short}"
            _check.fail(where, problem, f"the same {key}", "because the network identifies them by number")


def prompt_symbols(kind: str, text: str) -> list[str]:
    """Return the symbols of a text to continue: its last line has no end unless a line break follows."""
    symbols = parse(kind, text.replace("\r\n", "\n").split("\n"))
    return symbols[:-1] if kind != "text" and symbols and not text.endswith("\n") else symbols


def parse(kind: str, lines: Sequence[str]) -> list[str]:
    """Return the symbols of a text's lines; an empty last line means that the line before it ended."""
    *whole, rest = lines
    if kind == "text":
        return list("\n".join(lines))
    whole, end = [*whole, rest] if rest else whole, ENDS[kind]
    ends = () if end is None else (end,)
    return [symbol for line in whole for symbol in (*_symbols(kind, line), *ends)]


def _symbols(kind: str, line: str) -> Sequence[str]:
    if kind == "line":
        return line.strip(" ").replace(" ", "_")
    return line.split() if kind in ("words", "running") else [part for part in line.split(" ") if part]


def _number(
    where: str, texts: dict[str, list[str]], places: dict[str, tuple[Path, str, int]],
    vocabulary: list[str] | None = None,
) -> Corpus:  # fmt: skip
    """Return the texts as numbers.

    `places` holds each text's file, its kind and the position of its first symbol in the file.
    Without `vocabulary` the symbols of the training text are the vocabulary.
    """
    for split, symbols in texts.items():
        if len(symbols) < 2:
            _check.fail(where, f"{places[split][0]} holds {len(symbols)} symbols for {split}", "at least two")
    vocabulary = sorted(set(texts["train"])) if vocabulary is None else vocabulary
    number = {symbol: i for i, symbol in enumerate(vocabulary)}
    for split in SPLITS[1:]:
        unknown = set(texts[split]) - set(number)
        if unknown:
            i = next(i for i, symbol in enumerate(texts[split]) if symbol in unknown)
            path, kind, start = places[split]
            line, column = _place(kind, read(where, path), start + i)
            problem = f"{at(path, line)} column {column}, has {texts[split][i]!r} in the {split} text"
            expected = f"a symbol of the training text which has {len(vocabulary)} different symbols"
            _check.fail(where, problem, expected)
    ids = {split: np.array([number[s] for s in symbols], np.int32) for split, symbols in texts.items()}
    return Corpus(vocabulary, ids, {split: _hash(symbols) for split, symbols in texts.items()})


def _place(kind: str, lines: Sequence[str], i: int) -> tuple[int, int]:
    """Return the line and column of symbol i; both count from 1."""
    for line, text in enumerate(lines, start=1):
        end = [] if ENDS[kind] is None else [len(text) + 1]
        columns = [*_columns(kind, text), *end]
        if i < len(columns):
            return line, columns[i]
        i -= len(columns)
    raise AssertionError("the lines of a text contain all of its symbols")


def _columns(kind: str, text: str) -> Iterator[int]:
    outer = text.strip(" ") if kind == "line" else text
    first = text.index(outer) + 1 if outer else 1
    return (first + match.start() for match in re.finditer(PATTERNS[kind], outer, re.DOTALL))


def _hash(symbols: Sequence[str]) -> str:
    return hashlib.sha256("\x00".join(symbols).encode()).hexdigest()[:16]
